<?php

/**
 * Answers in parts: each leaves at once, and the next is asked for only when the client has taken
 * enough. An answer that breaks off is cancelled, never ended cleanly.
 */

declare(strict_types=1);

namespace Skerry\Runtime;

/** Sends the parts that a generator yields. */
final class PartsSender
{
    public function __construct(
        private readonly LogLines $lines,
        private readonly Thrown $thrown,
    ) {
    }

    /**
     * Sends all parts. The first one may be the head: an array with `statusCode`, whose body, if
     * any, is the first part. Throws what the generator threw as long as nothing was sent.
     *
     * @param iterable<mixed> $parts
     * @throws BadResponse
     */
    public function send(Call $call, Answer $answer, iterable $parts): void
    {
        $began = false;
        try {
            $call->link->lend();
            foreach ($parts as $part) {
                if ($began) {
                    $goesOn = $call->write(self::textOf($part));
                } else {
                    $answer = self::withFirst($answer, $part);
                    $began = true;
                    $goesOn = $this->begin($call, $answer);
                }
                $call->link->poll();
                if (!$goesOn || $call->isGone()) {
                    return;
                }
                $call->link->lend();
            }
        } catch (\Throwable $error) {
            if (!$began) {
                throw $error;
            }
            $this->breakOff($call, $error);
            return;
        }
        if (!$began) {
            $call->answer($answer);
        }
        $call->end();
    }

    /** False when no more is wanted. */
    private function begin(Call $call, Answer $answer): bool
    {
        if ($call->method !== 'HEAD') {
            return $call->begin($answer);
        }
        $call->answer(new Answer($answer->status, $answer->headers, ''));
        return false;
    }

    private function breakOff(Call $call, \Throwable $error): void
    {
        $text = $this->thrown->inspect($error);
        $this->lines->line('error', "The answer broke off in the middle of its body: {$text}");
        $call->abandon(Thrown::describe($error)['message']);
    }

    private static function withFirst(Answer $answer, mixed $part): Answer
    {
        if (!is_array($part) || !array_key_exists('statusCode', $part)) {
            $type = $answer->headers === [] ? Answer::TEXT_TYPE : [];
            $headers = [...$answer->headers, ...$type];
            return new Answer($answer->status, $headers, self::textOf($part));
        }
        [$head, $more] = HttpEvent::fromParts($part + ['body' => '']);
        if ($more !== null) {
            throw new BadResponse('a head that is yielded has a stream as its body');
        }
        return $head;
    }

    private static function textOf(mixed $part): string
    {
        if (is_string($part)) {
            return $part;
        }
        $what = get_debug_type($part);
        throw new BadResponse("a part of the answer is {$what}; parts are strings");
    }
}
