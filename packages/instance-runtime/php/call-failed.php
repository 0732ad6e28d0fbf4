<?php

declare(strict_types=1);

namespace Skerry;

/**
 * Why a call of another function has no result: `reason` is the called function's own, such as
 * FUNCTION_FAILED with `details` errorName and errorMessage, or FUNCTION_NOT_FOUND; CALL_TIMEOUT;
 * CALL_STATUS for a status of 400 and above; CALL_ABANDONED. Or why messages were not published, or
 * are not known to be: TOPIC_NOT_FOUND, INPUT_INVALID, PUBLISH_FORBIDDEN, PUBLISH_TOO_LARGE,
 * PUBLISH_AWAY, PUBLISH_UNCONFIRMED.
 */
final class CallFailed extends \RuntimeException
{
    /** Bytes of an answer that an error quotes. */
    private const QUOTED_BYTES_MAX = 1024;
    /** What a frame's head may have, and room for the request's id. */
    private const ASKED_BYTES_MAX = (512 << 10) - 1024;

    /** @param array<string, mixed> $details */
    public function __construct(
        public readonly string $reason,
        string $message,
        public readonly array $details = [],
        /** What to do about it. */
        public readonly string $hint = '',
    ) {
        parent::__construct($message);
    }

    /** @internal What is kept under a key is a whole answer. */
    public static function streamsUnderKey(string $target): self
    {
        $rule = 'cannot stand beside `stream`';
        return new self(
            'CALL_KEY_INVALID',
            "{$target} was not called: the idempotency key of a call {$rule}.",
            ['function' => $target, 'rule' => $rule],
            'Correct the key or leave it out; what is kept under a key is a whole answer.',
        );
    }

    /**
     * Throws CALL_HEAD_TOO_LARGE: a link is cut off whose frame has a larger one.
     *
     * @internal
     * @param array<string, string> $asked A head, but for its request's id.
     */
    public static function checkAsked(array $asked): void
    {
        $bytesMax = self::ASKED_BYTES_MAX;
        if (strlen(Runtime\Json::encode($asked)) > $bytesMax) {
            throw new self(
                'CALL_HEAD_TOO_LARGE',
                "Nothing was asked for: its name and key have more than {$bytesMax} bytes together.",
                ['bytesMax' => $bytesMax],
                'Give a shorter name or key; what is large belongs into the payload.',
            );
        }
    }

    /**
     * Throws the error that a head has.
     *
     * @internal
     * @param array<string, mixed> $head A CallReplyHead.
     */
    public static function check(array $head): void
    {
        $error = $head['e'] ?? null;
        if ($error !== null) {
            $made = isset($head['id']) ? ['requestId' => $head['id']] : [];
            $details = $made + ($error['details'] ?? []);
            throw new self($error['reason'], $error['message'], $details, $error['hint'] ?? '');
        }
    }

    /**
     * The result that an answer carries: parsed JSON, text, or bytes of any other type.
     *
     * @internal
     * @param array<string, mixed> $head A CallReplyHead.
     */
    public static function resultOf(string $target, array $head, string $body): mixed
    {
        self::check($head);
        if ($head['s'] >= 400) {
            $quoted = substr($body, 0, self::QUOTED_BYTES_MAX);
            $details = ['function' => $target, 'status' => $head['s'], 'body' => $quoted];
            $message = "{$target} answered with the status {$head['s']}.";
            throw new self('CALL_STATUS', $message, $details);
        }
        if ($body === '') {
            return null;
        }
        $type = '';
        foreach (array_chunk($head['h'], 2) as [$name, $value]) {
            $type = strcasecmp($name, 'content-type') === 0 ? $value : $type;
        }
        return preg_match('~^application/(?:[^;]*\+)?json\b~i', $type) === 1
            ? json_decode($body, true, 512, JSON_THROW_ON_ERROR)
            : $body;
    }
}
