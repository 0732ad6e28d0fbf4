<?php

/**
 * One stream, which the platform opened or, to call a function, this side: a head and a body each
 * way, half-closed separately. Credit bounds what is under way: nothing is sent that was not
 * granted, and what arrives is granted again as it is taken. The stream is looked at, not listened
 * to: whoever waits calls the link's `wait` and looks again.
 */

declare(strict_types=1);

namespace Skerry\Runtime;

/** A stream; made by the link alone. */
final class Stream
{
    /** Why the peer gave the stream up; null while it did not. */
    public ?string $failure = null;
    /** The peer has no more body. */
    public bool $remoteEnded;
    /** The head of the answer to a stream that this side opened. */
    public ?string $replyHead = null;
    /** Body bytes that may be sent now. */
    public int $sendCredit = Frame::CREDIT_BYTES;
    private int $receiveCredit = Frame::CREDIT_BYTES;
    private int $ungranted = 0;
    private bool $replied = false;
    private bool $localEnded = false;
    private bool $discarding = false;
    /** @var list<string> */
    private array $received = [];

    public function __construct(
        public readonly int $id,
        public readonly string $head,
        public readonly ?int $remainingMs,
        private readonly FrameSink $link,
        string $body,
        bool $ended,
    ) {
        $this->receiveCredit -= strlen($body);
        $this->remoteEnded = $ended;
        if ($body !== '') {
            $this->received[] = $body;
        }
    }

    /** True after both sides ended or one gave up: nothing that is sent reaches anybody. */
    public function isClosed(): bool
    {
        return $this->failure !== null || ($this->localEnded && $this->remoteEnded);
    }

    /** The body bytes that arrived since the last call; lets the peer send as many more. */
    public function take(): string
    {
        $taken = count($this->received) === 1 ? $this->received[0] : implode('', $this->received);
        $this->received = [];
        $this->grant(strlen($taken));
        return $taken;
    }

    /** Lets the rest of the body pass unread: a caller who is still sending must not be stuck. */
    public function discard(): void
    {
        $this->discarding = true;
        $this->take();
    }

    /** Answers, once: the head and as much of the body as fits; returns what is left of it. */
    public function reply(string $head, string $body, bool $end): string
    {
        if ($this->replied || $this->isClosed()) {
            return '';
        }
        $this->replied = true;
        return $this->sendHead(Frame::REPLY, pack('V', strlen($head)) . $head, $body, $end);
    }

    /**
     * Sends OPEN with its head and as much of the body as fits; returns what is left of it. Unless
     * the body ends with it, `push` and `end` go on.
     */
    public function open(int $waitMs, string $body, bool $end = true): string
    {
        $words = pack('VV', $waitMs, strlen($this->head));
        return $this->sendHead(Frame::OPEN, $words . $this->head, $body, $end);
    }

    private function sendHead(int $type, string $head, string $body, bool $end): string
    {
        $first = strlen($body) <= Frame::CHUNK_BYTES ? $body : substr($body, 0, Frame::CHUNK_BYTES);
        $rest = strlen($body) <= Frame::CHUNK_BYTES ? '' : substr($body, Frame::CHUNK_BYTES);
        $this->sendCredit -= strlen($first);
        $last = $end && $rest === '';
        $this->link->send($type, $last ? Frame::END : 0, $this->id, $head . $first);
        if ($last) {
            $this->endLocal();
        }
        return $rest;
    }

    /** Sends what credit allows and returns what is left. */
    public function push(string $bytes): string
    {
        $at = 0;
        $length = strlen($bytes);
        while ($at < $length && $this->sendCredit > 0 && !$this->isClosed()) {
            $take = min($length - $at, $this->sendCredit, Frame::CHUNK_BYTES);
            $this->sendCredit -= $take;
            $this->link->send(Frame::DATA, 0, $this->id, substr($bytes, $at, $take));
            $at += $take;
        }
        return $at === 0 ? $bytes : substr($bytes, $at);
    }

    /** Ends this side's body. */
    public function end(): void
    {
        if ($this->localEnded || $this->isClosed()) {
            return;
        }
        $this->link->send(Frame::DATA, Frame::END, $this->id);
        $this->endLocal();
    }

    /** Gives the stream up on both sides. */
    public function cancel(string $why): void
    {
        if ($this->isClosed()) {
            return;
        }
        $this->link->send(Frame::CANCEL, 0, $this->id, $why);
        $this->fail($why);
    }

    /** The peer's answer to a stream that this side opened. */
    public function onReply(string $payload, bool $ended): bool
    {
        $headBytes = strlen($payload) < 4 ? PHP_INT_MAX : unpack('V', $payload)[1];
        if ($this->replyHead !== null || $headBytes > strlen($payload) - 4) {
            return false;
        }
        $this->replyHead = substr($payload, 4, $headBytes);
        return $this->onData(substr($payload, 4 + $headBytes), $ended);
    }

    /** Body from the peer. False when it broke the rules of the stream. */
    public function onData(string $bytes, bool $ended): bool
    {
        $this->receiveCredit -= strlen($bytes);
        if ($this->remoteEnded || $this->receiveCredit < 0) {
            return false;
        }
        $this->remoteEnded = $ended;
        if ($this->discarding) {
            $this->grant(strlen($bytes));
        } elseif ($bytes !== '') {
            $this->received[] = $bytes;
        }
        $this->closeIfDone();
        return true;
    }

    /** More credit from the peer. */
    public function onCredit(int $bytes): bool
    {
        $this->sendCredit += $bytes;
        return $this->sendCredit <= 1 << 40;
    }

    /** The peer cancelled, or this side did. */
    public function fail(string $why): void
    {
        $this->failure = $why;
        $this->received = [];
        $this->link->forget($this);
    }

    private function grant(int $bytes): void
    {
        if ($this->remoteEnded || $this->failure !== null) {
            return;
        }
        $this->ungranted += $bytes;
        if ($this->ungranted < Frame::CREDIT_BYTES / 4) {
            return;
        }
        $this->receiveCredit += $this->ungranted;
        $this->link->send(Frame::CREDIT, 0, $this->id, pack('V', $this->ungranted));
        $this->ungranted = 0;
    }

    private function endLocal(): void
    {
        $this->localEnded = true;
        $this->closeIfDone();
    }

    private function closeIfDone(): void
    {
        if ($this->localEnded && $this->remoteEnded) {
            $this->link->forget($this);
        }
    }
}
