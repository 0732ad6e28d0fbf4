<?php

/**
 * What a client asks of the web proxy: CONNECT for anything encrypted, absolute URLs for plain
 * HTTP, one request a connection there. It decides nothing: the gateway does.
 */

declare(strict_types=1);

namespace Skerry\Runtime;

/** Reads requests to a proxy, and answers those that come to nothing. */
final class ProxyRequest
{
    public const HEAD_BYTES_MAX = 32 << 10;
    public const HEAD_END = "\r\n\r\n";
    public const ESTABLISHED = "HTTP/1.1 200 Connection established\r\n\r\n";
    public const UNREACHABLE = [
        'code' => 'UNAVAILABLE',
        'reason' => 'TUNNEL_UNREACHABLE',
        'message' => 'There is no connection: the network is there once the code is loaded.',
        'hint' => 'Connect in the handler.',
    ];

    private const REQUEST_LINE = '{^([!#$%&\'*+\-.^_`|~0-9A-Za-z]+) (\S+) HTTP/1\.[01]$}D';
    private const ABSOLUTE = '{^http://([^/?#@\s]+)([/?][^\s#]*)?$}Di';
    private const HAS_PORT = '{:[0-9]+$}D';
    /** They concern the proxy or its connection, not the origin. */
    private const DROPPED = '{^(?:proxy-[^:]*|connection|keep-alive|te|trailer|upgrade):}i';
    private const STATUS = [
        'PERMISSION_DENIED' => '403 Forbidden',
        'INVALID_ARGUMENT' => '400 Bad Request',
        'RESOURCE_EXHAUSTED' => '429 Too Many Requests',
    ];

    /**
     * `HOST:PORT` and what the origin is sent in place of the head, null for CONNECT; RFC 9112
     * 3.2.2 and 3.2.3. Null for any other request.
     *
     * @return array{string, ?string}|null
     */
    public static function read(string $head): ?array
    {
        $fields = explode("\r\n", $head);
        if (preg_match(self::REQUEST_LINE, array_shift($fields), $line) !== 1) {
            return null;
        }
        [, $method, $target] = $line;
        if ($method === 'CONNECT') {
            return preg_match(self::HAS_PORT, $target) === 1 ? [$target, null] : null;
        }
        if (preg_match(self::ABSOLUTE, $target, $url) !== 1) {
            return null;
        }
        $path = $url[2] ?? '/';
        $origin = str_starts_with($path, '?') ? "/{$path}" : $path;
        $isKept = static fn (string $field) => preg_match(self::DROPPED, $field) !== 1;
        $kept = array_values(array_filter($fields, $isKept));
        $lines = ["{$method} {$origin} HTTP/1.1", ...$kept, 'Connection: close', '', ''];
        $hasPort = preg_match(self::HAS_PORT, $url[1]) === 1;
        return [$hasPort ? $url[1] : "{$url[1]}:80", implode("\r\n", $lines)];
    }

    /**
     * Tells a client why there is no connection.
     *
     * @param array<string, mixed> $error
     */
    public static function refusal(array $error): string
    {
        $status = self::STATUS[$error['code'] ?? ''] ?? '502 Bad Gateway';
        return self::answer($status, $error['message'] ?? '', $error['reason'] ?? 'UNKNOWN');
    }

    /** The answer to what is no request to a proxy. */
    public static function notForProxies(): string
    {
        $text = 'This is a proxy for CONNECT and for http:// URLs.';
        return self::answer('400 Bad Request', $text, 'BAD_REQUEST');
    }

    private static function answer(string $status, string $text, string $reason): string
    {
        $length = strlen($text) + 1;
        return "HTTP/1.1 {$status}\r\ncontent-type: text/plain; charset=utf-8\r\n"
            . "content-length: {$length}\r\nx-skerry-error: {$reason}\r\n"
            . "connection: close\r\n\r\n{$text}\n";
    }
}
