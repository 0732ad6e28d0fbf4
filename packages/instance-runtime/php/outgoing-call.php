<?php

/**
 * A call of another function, or messages for a topic: a stream that this side opens, for a request
 * that is at hand. It never waits by itself: whoever owns the link waits and calls `advance` again.
 */

declare(strict_types=1);

namespace Skerry\Runtime;

/** One call until its answer is whole, or as it comes. */
final class OutgoingCall
{
    private readonly Stream $stream;
    private string $rest;
    private string $body = '';
    /** Why the answer broke off. */
    private ?string $brokenBy = null;

    /**
     * `waitMs` is how long the answer is waited for; the gateway sees to it.
     *
     * @param array<string, string> $head What is opened, but the request's id.
     */
    public function __construct(
        Link $link,
        string $requestId,
        private readonly array $head,
        string $payload,
        int $waitMs,
        private readonly int $answerBytesMax,
    ) {
        $this->stream = $link->open(Json::encode($head + ['r' => $requestId]));
        $this->rest = $this->stream->open($waitMs, $payload);
    }

    /** Sends and takes what can be. True once it is over. */
    public function advance(): bool
    {
        $this->sendRest();
        $this->body .= $this->stream->take();
        $isOver = $this->stream->failure !== null || $this->stream->remoteEnded;
        if ($this->stream->failure !== null && !$this->stream->remoteEnded) {
            $this->brokenBy = $this->stream->failure;
        }
        if ($isOver || strlen($this->body) > $this->answerBytesMax) {
            // An answer may come before the whole payload was taken, and be larger than wanted.
            $this->giveUp();
            return true;
        }
        return false;
    }

    /** Sends what can be. True once the head of the answer is there, or none will come. */
    public function hasHead(): bool
    {
        $this->sendRest();
        return $this->stream->replyHead !== null || $this->stream->failure !== null;
    }

    /** @return array<string, mixed> A CallReplyHead, once `hasHead` says so. */
    public function head(): array
    {
        $head = json_decode($this->stream->replyHead ?? '', true);
        $why = $this->stream->failure ?? 'there is no answer';
        return is_array($head) ? $head : ['e' => $this->brokeOff($why)];
    }

    /** What came of the answer since the last look: nothing is '', and its end null. */
    public function takePart(): ?string
    {
        $this->sendRest();
        $part = $this->stream->take();
        $isOver = $this->stream->failure !== null || $this->stream->remoteEnded;
        return $part === '' && $isOver ? null : $part;
    }

    /** @return ?array{reason: string, message: string, hint: string} Why an end was none. */
    public function breakage(): ?array
    {
        $why = $this->stream->remoteEnded ? null : $this->stream->failure;
        return $why === null ? null : $this->brokeOff($why);
    }

    private function sendRest(): void
    {
        if ($this->rest !== '' && $this->stream->failure === null) {
            $this->rest = $this->stream->push($this->rest);
            if ($this->rest === '') {
                $this->stream->end();
            }
        }
    }

    public function giveUp(): void
    {
        $this->stream->cancel('no more of the call is wanted');
    }

    /**
     * The answer: a CallReplyHead of packages/contracts and the body.
     *
     * @return array{array<string, mixed>, string}
     */
    public function outcome(): array
    {
        $head = json_decode($this->stream->replyHead ?? '', true);
        if (!is_array($head) || ($this->brokenBy !== null && !isset($head['e']))) {
            $why = $this->brokenBy ?? $this->stream->failure ?? 'there is no answer';
            return [['e' => $this->brokeOff($why)], ''];
        }
        if (strlen($this->body) > $this->answerBytesMax) {
            $bytesMax = $this->answerBytesMax;
            $message = "The answer of {$this->head['f']} is larger than {$bytesMax} bytes.";
            return [['e' => ['reason' => 'FUNCTION_PAYLOAD_TOO_LARGE', 'message' => $message]], ''];
        }
        return [$head, $this->body];
    }

    /** @return array{reason: string, message: string, hint: string} */
    private function brokeOff(string $why): array
    {
        if ($this->head['op'] === 'publish') {
            $topic = $this->head['t'];
            $message = "It is not known whether the messages for {$topic} were published: {$why}.";
            $hint = 'Published again without an idempotency key, they may be there twice.';
            return ['reason' => 'PUBLISH_UNCONFIRMED', 'message' => $message, 'hint' => $hint];
        }
        $message = "The call of {$this->head['f']} was given up: {$why}.";
        $hint = 'A call ends with the request that made it.';
        return ['reason' => 'CALL_ABANDONED', 'message' => $message, 'hint' => $hint];
    }
}
