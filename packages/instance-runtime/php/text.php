<?php

/** Bytes and characters: PHP's strings are bytes, what travels as JSON is UTF-8. */

declare(strict_types=1);

namespace Skerry\Runtime;

/** Pure functions over strings. */
final class Text
{
    public static function isUtf8(string $bytes): bool
    {
        return preg_match('//u', $bytes) === 1;
    }

    /** The text itself when it is UTF-8; otherwise with U+FFFD where it is not. */
    public static function scrub(string $bytes): string
    {
        if (self::isUtf8($bytes)) {
            return $bytes;
        }
        return (string) json_decode(json_encode($bytes, JSON_INVALID_UTF8_SUBSTITUTE) ?: '""');
    }

    /** Cuts at a whole character; `mark` follows, with how many bytes are missing for its %d. */
    public static function cut(string $text, int $bytesMax, string $mark = '…'): string
    {
        if (strlen($text) <= $bytesMax) {
            return $text;
        }
        $end = $bytesMax;
        while ($end > 0 && (ord($text[$end]) & 0xc0) === 0x80) {
            $end -= 1;
        }
        return substr($text, 0, $end) . sprintf($mark, strlen($text) - $end);
    }

    /** A header's bytes as text of as many characters, which is how heads carry them. */
    public static function fromBytes(string $bytes): string
    {
        if (preg_match('/[\x80-\xff]/', $bytes) !== 1) {
            return $bytes;
        }
        $toUtf8 = static fn (array $match): string
            => chr(0xc0 | (ord($match[0]) >> 6)) . chr(0x80 | (ord($match[0]) & 0x3f));
        return (string) preg_replace_callback('/[\x80-\xff]/', $toUtf8, $bytes);
    }

    /** The reverse of `fromBytes`; characters past U+00FF stay as they are. */
    public static function toBytes(string $text): string
    {
        if (preg_match('/[\x80-\xff]/', $text) !== 1) {
            return $text;
        }
        $toByte = static fn (array $match): string
            => chr((ord($match[0][0]) << 6 | (ord($match[0][1]) & 0x3f)) & 0xff);
        return (string) preg_replace_callback('/[\xc2\xc3][\x80-\xbf]/', $toByte, $text);
    }
}
