<?php

/** JSON as the link and the log carry it: compact, UTF-8, `1.0` stays `1.0`. */

declare(strict_types=1);

namespace Skerry\Runtime;

/** Encoding that never fails, and encoding that says why it did. */
final class Json
{
    private const FLAGS = JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE
        | JSON_PRESERVE_ZERO_FRACTION | JSON_THROW_ON_ERROR;

    /** For values of this runtime; bytes that are no UTF-8 become U+FFFD. */
    public static function encode(mixed $value): string
    {
        return json_encode($value, self::FLAGS | JSON_INVALID_UTF8_SUBSTITUTE);
    }

    /**
     * For values of user code.
     *
     * @throws \JsonException
     */
    public static function encodeStrictly(mixed $value): string
    {
        return json_encode($value, self::FLAGS);
    }
}
