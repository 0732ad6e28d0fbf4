<?php

/**
 * Calls an event handler: with an invocation's own event, or with an HTTP event for a call of the
 * function's URL. A handler that is a generator, or returns one, answers in parts: each part leaves
 * at once, and the generator is asked for the next only when the client has taken enough.
 */

declare(strict_types=1);

namespace Skerry\Runtime;

use Skerry\Context;

/** Runs requests of one function, one after the other. */
final class EventCall
{
    /** LIMITS.payloadBytesMax of packages/contracts. */
    public const EVENT_BYTES_MAX = 6 << 20;
    /** Content type of an event that is not parsed; BYTES_EVENT_TYPE of packages/contracts. */
    private const BYTES_EVENT_TYPE = 'application/json; event=bytes';

    /** True when the handler asks for objects where JSON has objects. */
    private readonly bool $takesObject;
    private readonly PartsSender $parts;
    /** Null where events and answers have Skerry's own shapes. */
    private readonly ?ForeignEvent $foreign;

    public function __construct(
        private readonly \Closure $handler,
        private readonly Facts $facts,
        private readonly LogLines $lines,
        private readonly Thrown $thrown,
    ) {
        $this->parts = new PartsSender($lines, $thrown);
        $format = $facts->eventFormat;
        $this->foreign = $format === null ? null : new ForeignEvent($format, $facts->function);
        $first = (new \ReflectionFunction($handler))->getParameters()[0] ?? null;
        $this->takesObject = in_array((string) $first?->getType(), ['object', 'stdClass'], true);
    }

    /** Runs one request to its answer. */
    public function run(Call $call): void
    {
        $body = self::collect($call, self::EVENT_BYTES_MAX);
        if ($body === null) {
            return;
        }
        $isInvocation = $call->method === 'EVENT';
        try {
            $event = $isInvocation
                ? $this->eventOf($call, $body)
                : ($this->foreign?->of($call, $body) ?? HttpEvent::of($call, $body));
        } catch (\JsonException $error) {
            $call->refuse(400, self::notJson($error->getMessage()));
            return;
        }
        if ($this->takesObject && is_array($event)) {
            $event = json_decode(Json::encode($event));
        }
        $context = $this->facts->contextOf($call, $this->lines);
        Context::enter($context);
        try {
            $call->link->lend();
            $result = ($this->handler)($event, $context);
            $this->answer($call, $result, $isInvocation);
        } catch (\Throwable $error) {
            $this->threw($call, $error);
        }
        $this->finish($call, $context);
        Context::enter(null);
    }

    /** Does what the handler left for after its answer. */
    private function finish(Call $call, Context $context): void
    {
        $hasWork = false;
        $hasFailed = false;
        while (($work = $context->nextWork()) !== null) {
            $hasWork = true;
            $call->link->flush();
            $call->link->lend();
            try {
                $work();
            } catch (\Throwable $error) {
                $hasFailed = true;
                $text = $this->thrown->inspect($error);
                $this->lines->line('error', "Work after the answer failed: {$text}");
            }
        }
        if ($hasWork) {
            $call->link->poll();
            if (!$call->endWork($hasFailed)) {
                $text = 'Nothing waited for work after the answer; it may be cut off.';
                $this->lines->line('warn', $text);
            }
        }
    }

    /** The whole body; null when the request is over: given up, or refused for its size. */
    public static function collect(Call $call, int $bytesMax): ?string
    {
        $body = $call->stream->take();
        while (!$call->stream->remoteEnded && !$call->isGone() && strlen($body) <= $bytesMax) {
            $call->link->wait();
            $body .= $call->stream->take();
        }
        if ($call->isGone()) {
            return null;
        }
        if (strlen($body) > $bytesMax) {
            $call->refuse(413, self::tooLarge($bytesMax));
            return null;
        }
        return $body;
    }

    /** @return array<string, mixed> An error as the platform's API writes it. */
    public static function tooLarge(int $bytesMax): array
    {
        return [
            'code' => 'INVALID_ARGUMENT',
            'reason' => 'REQUEST_BODY_TOO_LARGE',
            'message' => "The request's body is larger than {$bytesMax} bytes.",
            'hint' => 'Send less, or take the request with a web server, which streams.',
            'retryable' => false,
            'details' => ['bytesMax' => $bytesMax],
        ];
    }

    /** @return array<string, mixed> */
    private static function notJson(string $why): array
    {
        return [
            'code' => 'INVALID_ARGUMENT',
            'reason' => 'EVENT_NOT_JSON',
            'message' => "The event is not JSON: {$why}.",
            'hint' => 'Send one JSON value, or nothing for {}.',
            'retryable' => false,
            'details' => ['why' => $why],
        ];
    }

    private function eventOf(Call $call, string $body): mixed
    {
        if ($this->foreign?->isFc) {
            return $body;
        }
        $at = array_search(self::BYTES_EVENT_TYPE, $call->headers, true);
        $isBytes = $at !== false && ($call->headers[$at - 1] ?? '') === 'content-type';
        return $isBytes ? $body : $this->parse($body);
    }

    private function parse(string $body): mixed
    {
        if ($body === '') {
            return $this->takesObject ? new \stdClass() : [];
        }
        return json_decode($body, !$this->takesObject, 512, JSON_THROW_ON_ERROR);
    }

    private function answer(Call $call, mixed $result, bool $isInvocation): void
    {
        try {
            if ($result instanceof \Generator) {
                $this->parts->send($call, new Answer(200, [], ''), $result);
                return;
            }
            if ($isInvocation) {
                $answer = $this->foreign?->answerOfInvocation($result);
                $this->sendWhole($call, $answer ?? HttpEvent::answerOfInvocation($result));
                return;
            }
            [$answer, $parts] = $this->foreign?->answerFromResult($result)
                ?? HttpEvent::answerFromResult($result);
            if ($parts === null) {
                $this->sendWhole($call, $answer);
            } else {
                $this->parts->send($call, $answer, $parts);
            }
        } catch (BadResponse $fault) {
            $this->badResponse($call, $fault->getMessage());
        }
    }

    private function sendWhole(Call $call, Answer $answer): void
    {
        if (strlen($answer->body) <= $this->facts->payloadBytesMax) {
            $call->answer($answer);
            return;
        }
        $message = "The answer is larger than {$this->facts->payloadBytesMax} bytes.";
        $this->lines->line('error', $message);
        $call->failed('too_large', 'AnswerTooLarge', $message);
    }

    private function threw(Call $call, \Throwable $error): void
    {
        $this->lines->line('error', $this->thrown->inspect($error));
        $described = Thrown::describe($error);
        $call->failed('failed', $described['name'], $described['message']);
    }

    private function badResponse(Call $call, string $fault): void
    {
        $this->lines->line('error', "The answer cannot be sent: {$fault}");
        $call->failed('bad_response', 'BadResponse', $fault);
    }
}
