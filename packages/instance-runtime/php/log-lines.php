<?php

/**
 * Carries log lines to stdout in order. A line is written at once, so that what a handler said
 * before it hung or died is not lost. When the reader is slow, lines are held up to a bound, then
 * dropped and counted; nothing here waits, except `drain`, which the end of the process calls.
 *
 * A line is RS, one JSON object and LF. Output that user code puts on stdout by itself, past PHP's
 * output functions, passes as it is.
 */

declare(strict_types=1);

namespace Skerry\Runtime;

/** The log of this process. */
final class LogLines
{
    private const MARK = "\x1e";
    /** Bytes held while stdout is full; more is dropped and counted. */
    private const BACKLOG_BYTES_MAX = 256 << 10;
    /** Longest message; LIMITS.logLineBytesMax of packages/contracts. */
    private const LINE_BYTES_MAX = 16 << 10;
    /** Longer than a busy agent leaves output unread; less than an exit's cause is waited for. */
    private const DRAIN_SECONDS_MAX = 5;

    private string $held = '';
    private int $dropped = 0;
    /** The request that writes at the moment, if one does. */
    private ?string $requestId = null;

    /** @param resource $stdout */
    public function __construct(private $stdout)
    {
        stream_set_blocking($stdout, false);
        stream_set_write_buffer($stdout, 0);
    }

    /** Says whose lines follow; null: nobody's. */
    public function own(?string $requestId): void
    {
        $this->requestId = $requestId;
    }

    /** One entry; several lines of text stay one entry. Level: debug, info, warn or error. */
    public function line(string $level, string $message): void
    {
        if (!$this->flush() && strlen($this->held) > self::BACKLOG_BYTES_MAX) {
            $this->dropped += 1;
            return;
        }
        $this->append($level, $message, $this->requestId);
        $this->flush();
    }

    /** Writes what stdout takes now. True when nothing is left. */
    public function flush(): bool
    {
        if ($this->held === '' && $this->dropped === 0) {
            return true;
        }
        $isEmpty = $this->writeHeld();
        if ($isEmpty && $this->dropped > 0) {
            $this->reportDropped();
            $isEmpty = $this->writeHeld();
        }
        return $isEmpty;
    }

    /**
     * What to wait for before `flush` can go on: stdout, while lines are held.
     *
     * @return list<resource>
     */
    public function awaited(): array
    {
        return $this->flush() ? [] : [$this->stdout];
    }

    private function writeHeld(): bool
    {
        while ($this->held !== '') {
            $written = @fwrite($this->stdout, $this->held);
            if ($written === false || $written === 0) {
                // A full pipe takes it later; a reader that is gone misses nothing.
                $isGone = $written === false;
                $this->held = $isGone ? '' : $this->held;
                return $isGone;
            }
            $this->held = $written === strlen($this->held) ? '' : substr($this->held, $written);
        }
        return true;
    }

    /** Sends everything, waiting seconds for a slow reader. */
    public function drain(): void
    {
        $end = hrtime(true) + (int) (self::DRAIN_SECONDS_MAX * 1e9);
        while (!$this->flush() && hrtime(true) < $end) {
            usleep(1000);
        }
    }

    private function reportDropped(): void
    {
        $lines = $this->dropped;
        $this->dropped = 0;
        $text = "… {$lines} lines dropped: the log could not take them in time";
        $this->append('warn', $text, null);
    }

    private function append(string $level, string $message, ?string $requestId): void
    {
        $line = ['t' => (int) (microtime(true) * 1000), 'l' => $level];
        if ($requestId !== null) {
            $line['r'] = $requestId;
        }
        $line['m'] = Text::cut($message, self::LINE_BYTES_MAX, '… [cut: %d bytes more]');
        $this->held .= self::MARK . Json::encode($line) . "\n";
    }
}
