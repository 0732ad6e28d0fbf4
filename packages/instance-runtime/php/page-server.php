<?php

/**
 * Serves a page: each request has a process of its own, forked from this one, which has never run
 * user code. So a page finds PHP as it does behind a web server: functions and variables of its
 * own, `exit` ends the page and not the instance, and a fatal error takes one request along. One
 * process is forked ahead, so that a request does not wait for it.
 *
 * This process alone speaks on the link: it hands the request to the page's process and passes on
 * what comes back, only as fast as the client takes it.
 */

declare(strict_types=1);

namespace Skerry\Runtime;

require __DIR__ . '/page-channel.php';
require __DIR__ . '/page-run.php';
require __DIR__ . '/page-process.php';
require __DIR__ . '/page-request.php';
require __DIR__ . '/page-input.php';
require __DIR__ . '/form-body.php';
require __DIR__ . '/cookie.php';

/** Forks and watches the processes of pages. */
final class PageServer
{
    /** How often processes that ended without a word are looked for. */
    private const LOOK_SECONDS = 1.0;
    /** The same for a process that has closed its socket already. */
    private const LOOK_SOON_SECONDS = 0.002;

    private ?PageChannel $ahead = null;
    /** @var array<int, PageRun> */
    private array $runs = [];

    public function __construct(
        private readonly Link $link,
        private readonly LogLines $lines,
        private readonly Code $code,
    ) {
        if (!function_exists('pcntl_fork')) {
            throw new BadResponse('a page needs the extension pcntl; an event handler does not');
        }
    }

    /**
     * Takes requests for as long as the link lives; returns only in a page's own process.
     *
     * @param \Closure(Stream): ?Call $callOf
     */
    public function serve(\Closure $callOf): void
    {
        while (true) {
            while (($stream = $this->link->nextOpened()) !== null) {
                $call = $callOf($stream);
                if ($call !== null && $this->begin($call)) {
                    return;
                }
            }
            if ($this->runs === [] && $this->ahead === null) {
                $this->link->flush();
                if ($this->forkAhead()) {
                    return;
                }
            }
            $this->relay();
        }
    }

    /** Waits for the link and the pages, and passes on what there is. */
    private function relay(): void
    {
        $sockets = [];
        $seconds = $this->runs === [] ? null : self::LOOK_SECONDS;
        foreach ($this->runs as $name => $run) {
            $sockets += $run->sockets((string) $name);
            $seconds = $run->isEnding() ? self::LOOK_SOON_SECONDS : $seconds;
        }
        $hungry = [...$this->hungry(), ...$this->lines->awaited()];
        $readable = $this->link->waitBeside($sockets, $hungry, $seconds);
        foreach ($this->runs as $name => $run) {
            $run->feed();
            $run->relay(isset($readable["{$name}:body"]), isset($readable["{$name}:control"]));
            if ($run->isDone()) {
                unset($this->runs[$name]);
            }
        }
    }

    /** @return list<resource> Sockets of pages for which more of a request's body is here. */
    private function hungry(): array
    {
        $sockets = array_map(static fn (PageRun $run) => $run->hungrySocket(), $this->runs);
        return array_values(array_filter($sockets, static fn ($socket) => $socket !== null));
    }

    /** True in the page's own process. */
    private function begin(Call $call): bool
    {
        if ($this->ahead === null && $this->forkAhead()) {
            return true;
        }
        $channel = $this->ahead;
        $this->ahead = null;
        if ($channel === null) {
            $message = 'there is no process for the page: ' . pcntl_strerror(pcntl_errno());
            $call->failed('failed', 'PageNotStarted', $message);
            return false;
        }
        $this->runs[] = new PageRun($call, $channel, $this->lines);
        return false;
    }

    /** True in the new process, once it has a request. */
    private function forkAhead(): bool
    {
        $this->lines->flush();
        [$channel, $inside] = PageChannel::pairs();
        $pid = pcntl_fork();
        if ($pid === -1) {
            $inside->close();
            $channel->close();
            return false;
        }
        if ($pid !== 0) {
            $inside->close();
            $channel->pid = $pid;
            $this->ahead = $channel;
            return false;
        }
        $channel->close();
        foreach ($this->runs as $run) {
            $run->forget();
        }
        $this->runs = [];
        PageProcess::become($inside, $this->link, $this->code);
        return true;
    }
}
