<?php

/**
 * A connection that code made to a loopback port of the runtime, joined to a stream to the gateway,
 * which has the real one. Each direction is half-closed by itself and takes no more than the other
 * end takes away.
 */

declare(strict_types=1);

namespace Skerry\Runtime;

/** One connection. It never waits: whoever owns it looks for what can be done and calls again. */
final class ReachTunnel
{
    private const READ_BYTES = 64 << 10;

    /** What a client of the proxy has sent of its head; null once it is whole, or there is none. */
    private ?string $head;
    private ?Stream $stream = null;
    private readonly int $startedNs;
    private readonly bool $isWeb;
    private bool $isConnect = false;
    private bool $isOpen = false;
    private bool $isOver = false;
    /** An answer is on its way, and what the client still sends is of no use. */
    private bool $isAnswered = false;
    private bool $hasLocalEnded = false;
    private bool $hasShut = false;
    private string $toGateway = '';
    private string $toCode = '';

    /** @param resource $socket */
    public function __construct(
        private $socket,
        private string $target,
        private readonly ReachRelay $relay,
    ) {
        $this->startedNs = hrtime(true);
        $this->isWeb = $target === '';
        $this->head = $this->isWeb ? '' : null;
        stream_set_blocking($socket, false);
        stream_set_read_buffer($socket, 0);
        stream_set_write_buffer($socket, 0);
    }

    /** @return resource */
    public function socket()
    {
        return $this->socket;
    }

    public function isOver(): bool
    {
        return $this->isOver;
    }

    /** True when it is known what is wanted, and nobody was asked for it. */
    public function isWaiting(): bool
    {
        return !$this->isOver && $this->head === null && !$this->isAnswered
            && $this->stream === null;
    }

    public function ageSeconds(): float
    {
        return (hrtime(true) - $this->startedNs) / 1e9;
    }

    public function wantsBytes(): bool
    {
        if ($this->isOver || $this->hasLocalEnded) {
            return false;
        }
        return $this->head !== null || $this->isAnswered
            || ($this->isOpen && $this->toGateway === '');
    }

    public function hasBytes(): bool
    {
        return !$this->isOver && $this->toCode !== '';
    }

    /** What the gateway is asked. */
    public function head(): string
    {
        return Json::encode($this->isWeb
            ? ['op' => 'web', 'a' => $this->target]
            : ['op' => 'connect', 'n' => $this->target]);
    }

    public function open(Stream $stream): void
    {
        $this->stream = $stream;
        $stream->open(0, '', false);
    }

    /**
     * There is no connection.
     *
     * @param array<string, mixed> $error
     */
    public function refuse(array $error): void
    {
        $this->relay->warn("No connection to {$this->target}: "
            . trim(($error['message'] ?? '') . ' ' . ($error['hint'] ?? '')));
        if ($this->isWeb) {
            $this->answer(ProxyRequest::refusal($error));
        } else {
            $this->close(true);
        }
    }

    /** The socket has bytes, or its end. */
    public function read(): void
    {
        $bytes = @fread($this->socket, self::READ_BYTES);
        $isEnd = ($bytes === '' || $bytes === false) && feof($this->socket);
        if ($this->isAnswered) {
            $isEnd && $this->close(false);
        } elseif ($this->head !== null) {
            $isEnd ? $this->close(false) : $this->readHead((string) $bytes);
        } elseif ($isEnd && $bytes === false) {
            // Broken off, by a reset: its end would tell the other side that all was said.
            $this->close(false);
        } elseif ($isEnd) {
            $this->hasLocalEnded = true;
            $this->stream?->end();
        } else {
            $this->toGateway .= (string) $bytes;
        }
    }

    /** Does what can be done without waiting. */
    public function advance(): void
    {
        $stream = $this->stream;
        if ($stream !== null && !$this->isOpen && !$this->isAnswered && !$this->isOver) {
            $this->begin($stream);
        }
        if ($stream !== null && $this->isOpen && !$this->isOver) {
            $this->toGateway = $this->toGateway === '' ? '' : $stream->push($this->toGateway);
            if ($stream->failure !== null) {
                $this->close(true);
                return;
            }
        }
        $this->write();
        $isDry = $this->toCode === '' && ($this->isAnswered
            || ($this->isOpen && $stream?->remoteEnded === true && $stream->take() === ''));
        if ($isDry && !$this->hasShut && !$this->isOver) {
            $this->hasShut = true;
            @stream_socket_shutdown($this->socket, STREAM_SHUT_WR);
        }
        if ($this->hasShut && $this->hasLocalEnded) {
            $this->close(false);
        }
    }

    /** Looks at what the gateway answered. */
    private function begin(Stream $stream): void
    {
        if ($stream->replyHead === null) {
            if ($stream->failure !== null) {
                $this->refuse(['message' => $stream->failure] + ProxyRequest::UNREACHABLE);
            }
            return;
        }
        $reply = json_decode($stream->replyHead, true);
        if (isset($reply['e'])) {
            $this->refuse($reply['e']);
            return;
        }
        $this->isOpen = true;
        if ($this->isConnect) {
            $this->toCode = ProxyRequest::ESTABLISHED;
        }
    }

    private function readHead(string $bytes): void
    {
        $this->head .= $bytes;
        $end = strpos($this->head, ProxyRequest::HEAD_END);
        if ($end === false && strlen($this->head) <= ProxyRequest::HEAD_BYTES_MAX) {
            return;
        }
        $wanted = $end === false ? null : ProxyRequest::read(substr($this->head, 0, $end));
        if ($wanted === null) {
            $this->answer(ProxyRequest::notForProxies());
            return;
        }
        [$this->target, $sent] = $wanted;
        $this->isConnect = $sent === null;
        $this->toGateway = $sent . substr($this->head, $end + strlen(ProxyRequest::HEAD_END));
        $this->head = null;
    }

    private function answer(string $text): void
    {
        $this->head = null;
        $this->isAnswered = true;
        $this->toCode = $text;
        $this->write();
    }

    /** The gateway sends more only as the code takes what there is. */
    private function write(): void
    {
        while (!$this->isOver) {
            if ($this->toCode === '' && $this->isOpen) {
                $this->toCode = $this->stream?->take() ?? '';
            }
            if ($this->toCode === '') {
                return;
            }
            $written = @fwrite($this->socket, $this->toCode);
            if ($written === false) {
                $this->close(false);
                return;
            }
            if ($written === 0) {
                return;
            }
            $this->toCode = substr($this->toCode, $written);
        }
    }

    private function close(bool $isReset): void
    {
        if ($this->isOver) {
            return;
        }
        $this->isOver = true;
        if ($isReset && function_exists('socket_import_stream')) {
            $linger = ['l_onoff' => 1, 'l_linger' => 0];
            $socket = socket_import_stream($this->socket);
            $socket !== false && socket_set_option($socket, SOL_SOCKET, SO_LINGER, $linger);
        }
        fclose($this->socket);
        $this->stream?->cancel('the function closed the connection');
    }
}
