<?php

/**
 * The process that has the link once code has made a connection. Streams of connections are its
 * own; all else it passes on, both ways and in order, between the platform and the instance. Both
 * number the streams that they open, so the instance's are numbered anew on the way.
 */

declare(strict_types=1);

namespace Skerry\Runtime;

require __DIR__ . '/reach-tunnel.php';
require __DIR__ . '/proxy-request.php';

/** Relays frames and serves connections until the instance or the link ends. */
final class ReachRelay implements FrameSink
{
    private const READ_BYTES = 1 << 18;
    /** How long a connection waits for a gateway to have the link. */
    private const GATEWAY_WAIT_SECONDS = 5.0;
    private const LOOK_MICROSECONDS = 50_000;
    /** Streams of the instance whose frames are still passed on. */
    private const RENUMBERED_MAX = 2_048;

    private string $fromLink = '';
    private string $fromInstance = '';
    private string $toInstance = '';
    private int $nextId;
    private bool $isGateway;
    /** @var array<int, Stream> */
    private array $streams = [];
    /** @var array<string, ReachTunnel> */
    private array $tunnels = [];
    private int $tunnelsMade = 0;
    /** @var array<int, int> The instance's ids to those on the wire. */
    private array $wireIds = [];
    /** @var array<int, int> */
    private array $instanceIds = [];
    private readonly LogLines $lines;

    /**
     * @param resource $link
     * @param resource $instance
     * @param array<array-key, resource> $listeners By the target's name; the proxy's is empty.
     * @param resource $lock
     */
    public function __construct(
        private $link,
        private $instance,
        private readonly array $listeners,
        $lock,
    ) {
        $this->lines = new LogLines(fopen('php://fd/1', 'w'));
        stream_set_blocking($instance, false);
        fwrite($instance, 'w');
        flock($lock, LOCK_EX);
        $said = unpack('Vnext/Cgateway', (string) fread($lock, 5));
        $this->nextId = $said['next'];
        $this->isGateway = $said['gateway'] === 1;
    }

    public function run(): never
    {
        while (true) {
            $this->turn();
            foreach ($this->tunnels as $key => $tunnel) {
                $this->advance($tunnel);
                if ($tunnel->isOver()) {
                    unset($this->tunnels[$key]);
                }
            }
        }
    }

    public function send(int $type, int $flags, int $stream, string $payload = ''): void
    {
        $this->toLink(Frame::encode($type, $flags, $stream, $payload));
    }

    public function forget(Stream $stream): void
    {
        unset($this->streams[$stream->id]);
    }

    /** Tells the function's log of a connection that is not to be. */
    public function warn(string $text): void
    {
        $this->lines->line('warn', $text);
        $this->lines->drain();
    }

    /** Waits until something can be done, and does it. */
    private function turn(): void
    {
        $readable = ['link' => $this->link, 'instance' => $this->instance];
        foreach ($this->listeners as $name => $listener) {
            $readable["listen:{$name}"] = $listener;
        }
        $writable = $this->toInstance === '' ? [] : ['instance' => $this->instance];
        $isWaiting = false;
        foreach ($this->tunnels as $key => $tunnel) {
            $isWaiting = $isWaiting || $tunnel->isWaiting();
            if ($tunnel->wantsBytes()) {
                $readable[$key] = $tunnel->socket();
            }
            if ($tunnel->hasBytes()) {
                $writable[$key] = $tunnel->socket();
            }
        }
        $none = null;
        $wait = $isWaiting ? [0, self::LOOK_MICROSECONDS] : [null];
        $found = @stream_select($readable, $writable, $none, ...$wait);
        if (!$found) {
            return;
        }
        if (isset($readable['link'])) {
            $this->readLink();
        }
        if (isset($readable['instance'])) {
            $this->readInstance();
        }
        $this->writeInstance();
        foreach ($this->listeners as $name => $listener) {
            if (isset($readable["listen:{$name}"])) {
                $this->accept((string) $name, $listener);
            }
        }
        foreach ($this->tunnels as $key => $tunnel) {
            if (isset($readable[$key])) {
                $tunnel->read();
            }
        }
    }

    /** Asks for a tunnel's stream when a gateway can take it, and lets it do what it can. */
    private function advance(ReachTunnel $tunnel): void
    {
        if ($tunnel->isWaiting()) {
            if ($this->isGateway) {
                $stream = new Stream($this->nextId, $tunnel->head(), null, $this, '', false);
                $this->nextId += 2;
                $this->streams[$stream->id] = $stream;
                $tunnel->open($stream);
            } elseif ($tunnel->ageSeconds() > self::GATEWAY_WAIT_SECONDS) {
                $tunnel->refuse(ProxyRequest::UNREACHABLE);
            }
        }
        $tunnel->advance();
    }

    /** @param resource $listener */
    private function accept(string $name, $listener): void
    {
        $socket = @stream_socket_accept($listener, 0);
        if ($socket !== false) {
            $this->tunnelsMade += 1;
            $this->tunnels["tunnel:{$this->tunnelsMade}"] = new ReachTunnel($socket, $name, $this);
        }
    }

    private function readLink(): void
    {
        $bytes = @fread($this->link, self::READ_BYTES);
        if ($bytes === false || $bytes === '') {
            if (feof($this->link)) {
                Instance::current()->leave();
            }
            return;
        }
        $this->fromLink .= $bytes;
        foreach (Frame::split($this->fromLink) as [$type, $flags, $id, $payload]) {
            $this->onLinkFrame($type, $flags, $id, $payload);
        }
    }

    private function onLinkFrame(int $type, int $flags, int $id, string $payload): void
    {
        $stream = $this->streams[$id] ?? null;
        if ($stream !== null) {
            $this->onOwnFrame($stream, $type, $flags, $payload);
            return;
        }
        if ($type === Frame::HELLO) {
            $caller = json_decode($payload, true)['caller'] ?? null;
            $this->isGateway = in_array($caller, Frame::TAKES_STREAMS, true);
            $this->nextId = 2;
            $this->wireIds = $this->instanceIds = [];
        }
        if ($id !== 0 && $id % 2 === 0) {
            // Unknown: a stream that has just ended.
            $id = $this->instanceIds[$id] ?? null;
        }
        if ($id !== null) {
            $this->toInstance .= Frame::encode($type, $flags, $id, $payload);
        }
    }

    private function onOwnFrame(Stream $stream, int $type, int $flags, string $payload): void
    {
        $isEnd = ($flags & Frame::END) !== 0;
        match ($type) {
            Frame::DATA => $stream->onData($payload, $isEnd),
            Frame::REPLY => $stream->onReply($payload, $isEnd),
            Frame::CREDIT => $stream->onCredit(unpack('V', $payload)[1]),
            default => $stream->fail(substr($payload, 0, 1024)),
        };
    }

    private function readInstance(): void
    {
        $bytes = @fread($this->instance, self::READ_BYTES);
        if ($bytes === false || $bytes === '') {
            if (feof($this->instance)) {
                Instance::current()->leave();
            }
            return;
        }
        $this->fromInstance .= $bytes;
        $frames = '';
        foreach (Frame::split($this->fromInstance) as [$type, $flags, $id, $payload]) {
            if ($type === Frame::PARKED) {
                $this->isGateway = false;
            }
            if ($id !== 0 && $id % 2 === 0) {
                $id = $type === Frame::OPEN ? $this->renumber($id) : $this->wireIds[$id] ?? null;
            }
            if ($id !== null) {
                $frames .= Frame::encode($type, $flags, $id, $payload);
            }
        }
        $this->toLink($frames);
    }

    private function renumber(int $id): int
    {
        $wireId = $this->nextId;
        $this->nextId += 2;
        $this->wireIds[$id] = $wireId;
        $this->instanceIds[$wireId] = $id;
        if (count($this->wireIds) > self::RENUMBERED_MAX) {
            unset($this->wireIds[array_key_first($this->wireIds)]);
            unset($this->instanceIds[array_key_first($this->instanceIds)]);
        }
        return $wireId;
    }

    /** What the platform's credit bounds waits here: the instance may be busy for long. */
    private function writeInstance(): void
    {
        if ($this->toInstance !== '') {
            $written = (int) @fwrite($this->instance, $this->toInstance);
            $this->toInstance = substr($this->toInstance, $written);
        }
    }

    private function toLink(string $bytes): void
    {
        while ($bytes !== '') {
            $written = @fwrite($this->link, $bytes);
            if ($written === false || $written === 0) {
                Instance::current()->leave();
            }
            $bytes = substr($bytes, $written);
        }
    }
}
