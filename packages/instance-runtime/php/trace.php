<?php

/** The W3C trace that a request belongs to, as packages/base/src/trace-context.ts has it. */

declare(strict_types=1);

namespace Skerry\Runtime;

/** Pure functions over a request's head. */
final class Trace
{
    private const TRACEPARENT = '/^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})/';
    private const SAMPLED = 1;
    private const KNOWN_FLAGS = 3;
    private const SPAN_CHARS = 16;

    /**
     * The caller's trace, or one that begins with this request. The gateway passes on only what can
     * be read.
     *
     * @param list<string> $headers Names in lower case and values in turn.
     * @return array{traceId: string, spanId: string, sampled: bool, traceparent: string,
     *     tracestate: ?string}
     */
    public static function of(string $requestId, array $headers): array
    {
        $own = str_replace('-', '', $requestId);
        $sent = self::header($headers, 'traceparent') ?? '';
        $isSent = preg_match(self::TRACEPARENT, $sent, $found) === 1;
        [, $traceId, $spanId, $hex] = $isSent ? $found : ['', $own, substr($own, self::SPAN_CHARS), '00'];
        $flags = hexdec($hex) & self::KNOWN_FLAGS;
        return [
            'traceId' => $traceId,
            'spanId' => $spanId,
            'sampled' => ($flags & self::SAMPLED) !== 0,
            'traceparent' => "00-{$traceId}-{$spanId}-0{$flags}",
            'tracestate' => $isSent ? self::header($headers, 'tracestate') : null,
        ];
    }

    /** @param list<string> $headers */
    private static function header(array $headers, string $name): ?string
    {
        foreach (array_chunk($headers, 2) as [$one, $value]) {
            if ($one === $name) {
                return $value;
            }
        }
        return null;
    }
}
