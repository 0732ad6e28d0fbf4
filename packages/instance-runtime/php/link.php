<?php

/**
 * The acceptor's side of a link on descriptor 3. It is silent until it is spoken to, answers HELLO,
 * falls silent again at PARK and takes a new peer's HELLO afterwards. A peer that breaks a rule is
 * cut off; the end of the link ends the process.
 *
 * Frames are read only inside `wait` and `poll`, since PHP runs one thing at a time: a handler that
 * does not return keeps the link unread, as an endless loop does in any single-threaded runtime.
 * What is sent is gathered and leaves in one write before the next wait.
 */

declare(strict_types=1);

namespace Skerry\Runtime;

/** The link of this process. */
final class Link implements FrameSink
{
    private const READ_BYTES = 1 << 18;
    private const YEAR_SECONDS = 31_536_000;

    /** @var resource */
    private $socket;
    private string $in = '';
    private string $out = '';
    /** @var array<int, Stream> */
    private array $streams = [];
    /** @var list<Stream> */
    private array $opened = [];
    private int $highestPeerId = 0;
    private int $nextId = 2;
    private bool $helloReceived = false;
    private bool $parked = false;
    private bool $isGateway = false;
    /** What code reaches the network by, until its process has the link. */
    private ?Reach $reach = null;
    /** False while code runs and the process of `reach` may take the link. */
    private bool $isHeld = true;

    /**
     * @param resource $socket
     * @param array<string, string|int> $facts What HELLO tells of this side.
     * @param \Closure(): never $onEnd Ends the process.
     */
    public function __construct(
        $socket,
        private readonly array $facts,
        private readonly \Closure $onEnd,
    ) {
        $this->socket = $socket;
        stream_set_blocking($socket, true);
        stream_set_timeout($socket, self::YEAR_SECONDS);
        stream_set_read_buffer($socket, 0);
        stream_set_write_buffer($socket, 0);
    }

    /** Lets the code of a specialise reach what it may; see reach.php. */
    public function openReach(array $head): void
    {
        $this->reach = Reach::open($head, $this->socket);
        $this->reach?->publish($this->nextId, $this->isGateway);
    }

    /** Code is about to run: the link is not touched before the next call of another method. */
    public function lend(): void
    {
        if ($this->reach === null || !$this->isHeld) {
            return;
        }
        $this->flush();
        // The platform sends whole frames, so the rest of one is on its way.
        while ($this->in !== '') {
            $this->read();
        }
        $this->isHeld = false;
        $this->reach->unlock();
    }

    /** The next stream that the peer opened, if one waits. */
    public function nextOpened(): ?Stream
    {
        return array_shift($this->opened);
    }

    /**
     * Takes the first stream that waits and is wanted out of their line.
     *
     * @param \Closure(Stream): bool $isWanted
     */
    public function claim(\Closure $isWanted): ?Stream
    {
        foreach ($this->opened as $at => $stream) {
            if ($isWanted($stream)) {
                array_splice($this->opened, $at, 1);
                return $stream;
            }
        }
        return null;
    }

    /** Makes a stream of this side's own; its `open` sends the head. */
    public function open(string $head): Stream
    {
        $stream = new Stream($this->nextId, $head, null, $this, '', false);
        $this->nextId += 2;
        $this->reach?->publish($this->nextId, $this->isGateway);
        $this->streams[$stream->id] = $stream;
        return $stream;
    }

    /** Sends what is gathered and waits until the peer said something. */
    public function wait(): void
    {
        $this->flush();
        $this->read();
    }

    /** Takes what the peer has said by now, without waiting. */
    public function poll(): void
    {
        $this->flush();
        while ($this->isReadable()) {
            $this->read();
        }
    }

    /**
     * Sends what is gathered, then waits for the peer, until one of `others` can be read or one of
     * `hungry` written, or until `seconds` have passed.
     *
     * @param array<array-key, resource> $others
     * @param list<resource> $hungry
     * @return array<array-key, resource> Those that can be read, under their keys.
     */
    public function waitBeside(array $others, array $hungry, ?float $seconds): array
    {
        $this->flush();
        $this->hold();
        $readable = ['link' => $this->socket] + $others;
        if ($this->reach !== null) {
            $readable['reach'] = $this->reach->pair();
        }
        $writable = $hungry;
        $none = null;
        $whole = $seconds === null ? null : (int) $seconds;
        $micros = $seconds === null ? null : (int) (($seconds - (int) $seconds) * 1e6);
        if (!@stream_select($readable, $writable, $none, $whole, $micros)) {
            return [];
        }
        if (isset($readable['link'])) {
            $this->read();
        }
        if (isset($readable['reach'])) {
            $this->giveAway();
        }
        unset($readable['link'], $readable['reach']);
        return $readable;
    }

    /** Appends one frame; it leaves with the next flush or wait. */
    public function send(int $type, int $flags, int $stream, string $payload = ''): void
    {
        $this->out .= Frame::encode($type, $flags, $stream, $payload);
        if (strlen($this->out) >= Frame::CREDIT_BYTES) {
            $this->flush();
        }
    }

    /** Writes everything that is gathered. */
    public function flush(): void
    {
        if ($this->out !== '') {
            $this->hold();
        }
        while ($this->out !== '') {
            $written = @fwrite($this->socket, $this->out);
            if ($written === false || $written === 0) {
                ($this->onEnd)();
            }
            $this->out = $written === strlen($this->out) ? '' : substr($this->out, $written);
        }
    }

    /** A stream that is over; frames that still come for it are skipped. */
    public function forget(Stream $stream): void
    {
        unset($this->streams[$stream->id]);
    }

    /** Closes this process's own end, in a process that shall not speak for the instance. */
    public function abandon(): void
    {
        fclose($this->socket);
        $pair = $this->reach?->pair();
        $pair !== null && fclose($pair);
    }

    /** Takes the link back after code has run, or learns that it comes another way now. */
    private function hold(): void
    {
        if ($this->isHeld) {
            return;
        }
        $this->isHeld = true;
        if ($this->reach?->tryLock() === false) {
            $this->giveAway();
        }
    }

    /** Gives the link to the process that serves connections, for good. */
    private function giveAway(): void
    {
        $reach = $this->reach;
        $this->reach = null;
        assert($reach !== null);
        while ($this->in !== '') {
            $this->read();
        }
        $reach->unlock();
        fclose($this->socket);
        $this->socket = $reach->takenOver();
        stream_set_timeout($this->socket, self::YEAR_SECONDS);
    }

    private function isReadable(): bool
    {
        $this->hold();
        $read = [$this->socket];
        $none = null;
        return @stream_select($read, $none, $none, 0) === 1;
    }

    private function read(): void
    {
        $this->hold();
        $bytes = @fread($this->socket, self::READ_BYTES);
        if ($bytes === false || $bytes === '') {
            if (feof($this->socket)) {
                ($this->onEnd)();
            }
            return;
        }
        $this->in = $this->in === '' ? $bytes : $this->in . $bytes;
        $this->decode();
    }

    private function decode(): void
    {
        $at = 0;
        $length = strlen($this->in);
        while ($length - $at >= Frame::HEADER_BYTES) {
            $frame = unpack('Vbytes/Ctype/Cflags/vchannel/Vstream', $this->in, $at);
            if ($frame['bytes'] > Frame::BYTES_MAX) {
                $this->violation();
            }
            $start = $at + Frame::HEADER_BYTES;
            if ($length - $start < $frame['bytes']) {
                break;
            }
            $at = $start + $frame['bytes'];
            $payload = substr($this->in, $start, $frame['bytes']);
            $this->onFrame($frame['type'], $frame['flags'], $frame['stream'], $payload);
        }
        $this->in = $at === $length ? '' : substr($this->in, $at);
    }

    private function onFrame(int $type, int $flags, int $id, string $payload): void
    {
        if (!$this->helloReceived && $type !== Frame::HELLO) {
            $this->violation();
        }
        match ($type) {
            Frame::OPEN => $this->onOpen($flags, $id, $payload),
            Frame::DATA, Frame::CREDIT, Frame::CANCEL, Frame::REPLY =>
                $this->onStreamFrame($type, $flags, $id, $payload),
            Frame::HELLO => $this->onHello($payload),
            Frame::PING => $this->send(Frame::PONG, 0, 0),
            Frame::PARK => $this->onPark(),
            Frame::PONG, Frame::NOTE => null,
            default => $this->violation(),
        };
    }

    private function onOpen(int $flags, int $id, string $payload): void
    {
        $isNew = $id % 2 === 1 && $id > $this->highestPeerId;
        if (!$isNew || strlen($payload) < 8 || count($this->streams) >= Frame::STREAMS_MAX) {
            $this->violation();
        }
        ['remaining' => $remaining, 'head' => $headBytes] = unpack('Vremaining/Vhead', $payload);
        if ($headBytes > Frame::HEAD_BYTES_MAX || 8 + $headBytes > strlen($payload)) {
            $this->violation();
        }
        $this->highestPeerId = $id;
        $stream = new Stream(
            $id,
            substr($payload, 8, $headBytes),
            $remaining === 0 ? null : $remaining,
            $this,
            substr($payload, 8 + $headBytes),
            ($flags & Frame::END) !== 0,
        );
        $this->streams[$id] = $stream;
        $this->opened[] = $stream;
    }

    private function onStreamFrame(int $type, int $flags, int $id, string $payload): void
    {
        $stream = $this->streams[$id] ?? null;
        if ($stream === null) {
            if ($id > ($id % 2 === 0 ? $this->nextId - 2 : $this->highestPeerId) || $id === 0) {
                $this->violation();
            }
            return;
        }
        $isSound = match ($type) {
            Frame::DATA => $stream->onData($payload, ($flags & Frame::END) !== 0),
            Frame::REPLY => $id % 2 === 0
                && $stream->onReply($payload, ($flags & Frame::END) !== 0),
            Frame::CREDIT => strlen($payload) === 4
                && $stream->onCredit(unpack('V', $payload)[1]),
            default => true,
        };
        if (!$isSound) {
            $this->violation();
        }
        if ($type === Frame::CANCEL) {
            $stream->fail(substr($payload, 0, 1024));
        }
    }

    private function onHello(string $payload): void
    {
        if ($this->helloReceived && !$this->parked) {
            $this->violation();
        }
        $versions = ['linkVersionMin' => Frame::VERSION, 'linkVersionMax' => Frame::VERSION];
        $this->send(Frame::HELLO, 0, 0, Json::encode($this->facts + $versions));
        $hello = json_decode($payload, true);
        $min = $hello['linkVersionMin'] ?? null;
        $max = $hello['linkVersionMax'] ?? null;
        if (!is_int($min) || !is_int($max) || $min > Frame::VERSION || $max < Frame::VERSION) {
            $this->flush();
            $this->violation();
        }
        $this->helloReceived = true;
        $this->isGateway = in_array($hello['caller'] ?? null, Frame::TAKES_STREAMS, true);
        if ($this->parked) {
            $this->parked = false;
            $this->highestPeerId = 0;
            $this->nextId = 2;
        }
        $this->reach?->publish($this->nextId, $this->isGateway);
    }

    private function onPark(): void
    {
        if ($this->parked || $this->streams !== []) {
            $this->violation();
        }
        $this->send(Frame::PARKED, 0, 0);
        $this->flush();
        $this->parked = true;
    }

    private function violation(): never
    {
        ($this->onEnd)();
    }
}
