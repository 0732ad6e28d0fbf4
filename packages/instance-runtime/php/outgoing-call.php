<?php

/**
 * A call of another function: a stream that this side opens, for a request that is at hand. It
 * never waits by itself: whoever owns the link waits and calls `advance` again.
 */

declare(strict_types=1);

namespace Skerry\Runtime;

/** One call until its answer is whole. */
final class OutgoingCall
{
    private readonly Stream $stream;
    private string $rest;
    private string $body = '';

    /** `waitMs` is how long the answer is waited for; the gateway sees to it. */
    public function __construct(
        Link $link,
        string $requestId,
        private readonly string $target,
        string $payload,
        int $waitMs,
        private readonly int $answerBytesMax,
    ) {
        $head = Json::encode(['op' => 'call', 'r' => $requestId, 'f' => $target]);
        $this->stream = $link->open($head);
        $this->rest = $this->stream->open($waitMs, $payload);
    }

    /** Sends and takes what can be. True once it is over. */
    public function advance(): bool
    {
        if ($this->rest !== '' && $this->stream->failure === null) {
            $this->rest = $this->stream->push($this->rest);
            if ($this->rest === '') {
                $this->stream->end();
            }
        }
        $this->body .= $this->stream->take();
        $isOver = $this->stream->failure !== null || $this->stream->remoteEnded;
        if ($isOver || strlen($this->body) > $this->answerBytesMax) {
            // An answer may come before the whole payload was taken, and be larger than wanted.
            $this->giveUp();
            return true;
        }
        return false;
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
        if (!is_array($head)) {
            $why = $this->stream->failure ?? 'there is no answer';
            $message = "The call of {$this->target} was given up: {$why}.";
            return [['e' => ['reason' => 'CALL_ABANDONED', 'message' => $message]], ''];
        }
        if (strlen($this->body) > $this->answerBytesMax) {
            $bytesMax = $this->answerBytesMax;
            $message = "The answer of {$this->target} is larger than {$bytesMax} bytes.";
            return [['e' => ['reason' => 'FUNCTION_PAYLOAD_TOO_LARGE', 'message' => $message]], ''];
        }
        return [$head, $this->body];
    }
}
