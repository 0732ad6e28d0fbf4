<?php

/** A response before it is written, and what may stand in its head (RFC 9110, 5.1, 5.5, 7.6.1). */

declare(strict_types=1);

namespace Skerry\Runtime;

/** Status, headers and a whole body, or the first part of one. */
final class Answer
{
    public const JSON_TYPE = ['content-type', 'application/json'];
    public const TEXT_TYPE = ['content-type', 'text/plain; charset=utf-8'];
    public const BYTES_TYPE = ['content-type', 'application/octet-stream'];

    /** Headers that speak of one connection; the platform has its own and drops those. */
    private const CONNECTION_HEADERS = [
        'connection',
        'keep-alive',
        'proxy-connection',
        'te',
        'trailer',
        'transfer-encoding',
        'upgrade',
    ];

    /** @param list<string> $headers Names in lower case and values in turn, as bytes. */
    public function __construct(
        public readonly int $status,
        public readonly array $headers,
        public readonly string $body,
    ) {
    }

    /** Why a header cannot be sent; null when it can. */
    public static function headerFault(string $name, string $value): ?string
    {
        if (preg_match('/^[!#$%&\'*+\-.^_`|~0-9A-Za-z]+$/D', $name) !== 1) {
            return Json::encode(substr($name, 0, 100)) . ' is no header name';
        }
        if (preg_match('/[^\t\x20-\x7e\x80-\xff]/', $value) === 1) {
            return "the value of the header {$name} has a character that is not allowed";
        }
        return null;
    }

    public static function isConnectionHeader(string $name): bool
    {
        return in_array($name, self::CONNECTION_HEADERS, true);
    }
}
