<?php

/**
 * One request inside the instance: its head, the stream it came on and its answer. An answer is
 * given at most once; what comes after is ignored.
 */

declare(strict_types=1);

namespace Skerry\Runtime;

/** One request and its answer. */
final class Call
{
    /** Longest name or message of an error that travels; the log has the whole. */
    private const ERROR_TEXT_BYTES_MAX = 8 << 10;

    public readonly string $id;
    /** HTTP method; `EVENT` when the body is the event itself. */
    public readonly string $method;
    /** Path and query, beginning with `/`. */
    public readonly string $target;
    /** Authority the caller used. */
    public readonly string $authority;
    public readonly ?string $coldReason;
    /** Request id of the function that called this one. */
    public readonly ?string $parentId;
    /** @var list<string> Names in lower case and values in turn, as they were sent. */
    public readonly array $headers;
    private readonly int $startedNs;

    /** @param array<string, mixed> $head A RequestHead. */
    public function __construct(
        public readonly Stream $stream,
        public readonly Link $link,
        array $head,
    ) {
        $this->startedNs = hrtime(true);
        $this->id = $head['id'];
        $this->method = $head['m'];
        $this->target = $head['u'];
        $this->authority = $head['a'];
        $this->coldReason = $head['c'] ?? null;
        $this->parentId = $head['p'] ?? null;
        $this->headers = array_map(Text::toBytes(...), $head['h']);
    }

    /**
     * What of the request a context is made of, with the keys of its head.
     *
     * @return array{id: string, c: ?string, p: ?string, r: ?int}
     */
    public function facts(): array
    {
        return [
            'id' => $this->id,
            'c' => $this->coldReason,
            'p' => $this->parentId,
            'r' => $this->stream->remainingMs,
        ];
    }

    /** True when no answer would reach anybody, as far as is known without looking. */
    public function isGone(): bool
    {
        return $this->stream->isClosed();
    }

    /** Sends a whole answer, as fast as it is taken. */
    public function answer(Answer $answer): void
    {
        $rest = $this->stream->reply($this->headText($answer), $answer->body, true);
        $this->stream->discard();
        if ($rest !== '' && $this->write($rest)) {
            $this->stream->end();
        }
    }

    /** Sends the head and what there is of the body; `write` and `end` go on. */
    public function begin(Answer $answer): bool
    {
        $rest = $this->stream->reply($this->headText($answer), $answer->body, false);
        return $this->write($rest);
    }

    /**
     * Sends part of the body at once and waits while credit is missing. False when nobody listens
     * any longer.
     */
    public function write(string $bytes): bool
    {
        $rest = $this->stream->push($bytes);
        while ($rest !== '' && !$this->isGone()) {
            $this->link->wait();
            $rest = $this->stream->push($rest);
        }
        return !$this->isGone();
    }

    /** Ends the body that `begin` began. */
    public function end(): void
    {
        $this->stream->end();
        $this->stream->discard();
    }

    /**
     * Calls another function and waits for its answer.
     *
     * @return array{array<string, mixed>, string} A CallReplyHead and the body.
     */
    public function callOut(string $target, string $payload, int $waitMs, int $bytesMax): array
    {
        $out = new OutgoingCall($this->link, $this->id, $target, $payload, $waitMs, $bytesMax);
        while (!$out->advance()) {
            $this->link->wait();
        }
        return $out->outcome();
    }

    /** Tells the gateway that the function failed; there is no body. */
    public function failed(string $kind, string $name, string $message): void
    {
        $error = [
            'kind' => $kind,
            'name' => Text::cut(Text::scrub($name), self::ERROR_TEXT_BYTES_MAX - 4),
            'message' => Text::cut(Text::scrub($message), self::ERROR_TEXT_BYTES_MAX - 4),
        ];
        $head = ['s' => 502, 'h' => [], 't' => $this->elapsedUs(), 'e' => $error];
        $this->stream->reply(Json::encode($head), '', true);
        $this->stream->discard();
    }

    /** Gives up in the middle of a body: the gateway then resets its client's connection. */
    public function abandon(string $why): void
    {
        $this->stream->cancel(Text::cut(Text::scrub($why), 1000));
    }

    /** The caller's mistake, not the function's: an ordinary answer with an error's wire form. */
    public function refuse(int $status, array $error): void
    {
        $json = ['content-type', 'application/json'];
        $this->answer(new Answer($status, $json, Json::encode(['error' => $error])));
    }

    private function headText(Answer $answer): string
    {
        $headers = array_map(Text::fromBytes(...), $answer->headers);
        return Json::encode(['s' => $answer->status, 'h' => $headers, 't' => $this->elapsedUs()]);
    }

    private function elapsedUs(): int
    {
        return intdiv(hrtime(true) - $this->startedNs, 1000);
    }
}
