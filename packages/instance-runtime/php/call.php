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
    /** Base64 of JSON that the caller tells beside the event. */
    public readonly ?string $clientContext;
    /** @var ?array{id: string, n: int} The accepted invocation that this is an attempt of. */
    public readonly ?array $invocation;
    public readonly ?array $action;
    /** Between two reports, nanoseconds. */
    private const REPORT_EVERY_NS = 200_000_000;

    private bool $isAskedToEnd = false;
    /** JSON of what was reported last and not said yet; '' for a sign of life. */
    private ?string $unsaid = null;
    private int $saidNs = 0;
    /** Open while work goes on after the answer. */
    private ?Stream $work = null;
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
        $this->clientContext = $head['cc'] ?? null;
        $this->invocation = $head['iv'] ?? null;
        $this->action = $head['ac'] ?? null;
        $this->headers = array_map(Text::toBytes(...), $head['h']);
    }

    /**
     * What of the request a context is made of, with the keys of its head.
     *
     * @return array{id: string, c: ?string, p: ?string, cc: ?string, iv: ?array, ac: ?array, r: ?int,
     *     h: list<string>}
     */
    public function facts(): array
    {
        return [
            'id' => $this->id,
            'c' => $this->coldReason,
            'p' => $this->parentId,
            'cc' => $this->clientContext,
            'iv' => $this->invocation,
            'ac' => $this->action,
            'r' => $this->stream->remainingMs,
            'h' => $this->headers,
        ];
    }

    /** True when no answer would reach anybody, as far as is known without looking. */
    public function isGone(): bool
    {
        return $this->stream->isClosed();
    }

    /** Whether the platform wants it to end by itself, as far as was read. */
    public function isAskedToEnd(): bool
    {
        if ($this->isAskedToEnd) {
            return true;
        }
        $asked = $this->link->claim(function (Stream $stream): bool {
            $head = json_decode($stream->head, true);
            return ($head['op'] ?? null) === 'abort' && ($head['r'] ?? null) === $this->id;
        });
        $asked?->reply('{}', '', true);
        return $this->isAskedToEnd = $asked !== null;
    }

    /** Says how far it is, now or with what comes next; '' only that it is alive. */
    public function report(string $json): void
    {
        if ($this->invocation === null) {
            return;
        }
        $this->unsaid = $json === '' ? ($this->unsaid ?? '') : $json;
        if (hrtime(true) - $this->saidNs < self::REPORT_EVERY_NS) {
            return;
        }
        $this->sayReport();
        $this->link->poll();
        $this->link->lend();
    }

    private function sayReport(): void
    {
        if ($this->unsaid === null) {
            return;
        }
        $value = $this->unsaid === '' ? '' : ',"v":' . $this->unsaid;
        $this->unsaid = null;
        $this->saidNs = hrtime(true);
        $id = Json::encode($this->id);
        $this->link->open("{\"op\":\"progress\",\"r\":{$id}{$value}}")->open(0, '');
    }

    /** Sends a whole answer, as fast as it is taken. */
    public function answer(Answer $answer): void
    {
        $this->sayReport();
        $rest = $this->stream->reply($this->headText($answer), $answer->body, true);
        $this->stream->discard();
        if ($rest !== '' && $this->write($rest)) {
            $this->stream->end();
        }
    }

    /** Sends the head and what there is of the body; `write` and `end` go on. */
    public function begin(Answer $answer): bool
    {
        $this->sayReport();
        $head = $this->headText($answer, ['st' => true]);
        $rest = $this->stream->reply($head, $answer->body, false);
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
     * Asks the gateway for what the head says and waits for its answer.
     *
     * @param array<string, string> $head
     * @return array{array<string, mixed>, string} A CallReplyHead and the body.
     */
    public function callOut(array $head, string $payload, int $waitMs, int $bytesMax): array
    {
        $out = new OutgoingCall($this->link, $this->id, $head, $payload, $waitMs, $bytesMax);
        while (!$out->advance()) {
            $this->link->wait();
        }
        $this->link->lend();
        return $out->outcome();
    }

    /**
     * The same for an answer that is taken as it comes: once its head is there.
     *
     * @param array<string, string> $head
     * @return array{array<string, mixed>, \Closure, \Closure} A CallReplyHead; what gives the next
     *     part, null at the end, or the error that broke it off; and what gives the answer up.
     */
    public function streamOut(array $head, string $payload, int $waitMs): array
    {
        $out = new OutgoingCall($this->link, $this->id, $head, $payload, $waitMs, PHP_INT_MAX);
        while (!$out->hasHead()) {
            $this->link->wait();
        }
        $this->link->lend();
        $nextPart = function () use ($out): string|array|null {
            while (($part = $out->takePart()) === '') {
                $this->link->wait();
            }
            $this->link->lend();
            return $part ?? $out->breakage();
        };
        return [$out->head(), $nextPart, $out->giveUp(...)];
    }

    /** Tells the gateway that work goes on after the answer: it keeps the instance for it. */
    public function leaveWork(): void
    {
        if ($this->work === null) {
            $head = Json::encode(['op' => 'background', 'r' => $this->id]);
            $this->work = $this->link->open($head);
            $this->work->open(0, '', false);
        }
    }

    /** All work is done. False when nobody has waited for it. */
    public function endWork(bool $hasFailed): bool
    {
        $work = $this->work;
        $this->work = null;
        if ($work === null) {
            return true;
        }
        $isWaitedFor = $work->failure === null && $work->replyHead === null;
        if ($hasFailed) {
            $work->cancel('work failed');
        } else {
            $work->end();
        }
        return $isWaitedFor;
    }

    /** Tells the gateway that the function failed; there is no body. */
    public function failed(string $kind, string $name, string $message): void
    {
        $this->sayReport();
        $told = Thrown::withoutSecrets($message);
        $error = [
            'kind' => $kind,
            'name' => Text::cut(Text::scrub($name), self::ERROR_TEXT_BYTES_MAX - 4),
            'message' => Text::cut(Text::scrub($told), self::ERROR_TEXT_BYTES_MAX - 4),
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

    /** @param array<string, bool> $more */
    private function headText(Answer $answer, array $more = []): string
    {
        $headers = array_map(Text::fromBytes(...), $answer->headers);
        $head = ['s' => $answer->status, 'h' => $headers, 't' => $this->elapsedUs()];
        return Json::encode($head + $more);
    }

    private function elapsedUs(): int
    {
        return intdiv(hrtime(true) - $this->startedNs, 1000);
    }
}
