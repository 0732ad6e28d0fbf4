<?php

/**
 * The two ends of a URL call to an event handler: the HTTP event it is given and the answer made of
 * its result, with the keys and rules of the Node runtime (packages/event-shapes).
 *
 * Result → answer: an array or object with `statusCode` is the response in parts; a string is
 * text/plain, or application/octet-stream when it is no UTF-8; nothing (null) is 204; a generator
 * is a stream; everything else is JSON with 200.
 */

declare(strict_types=1);

namespace Skerry\Runtime;

/** Pure functions between requests, results and answers. */
final class HttpEvent
{
    private const TEXTUAL = '~^\s*(?:text/|application/(?:[\w.-]+\+)?(?:json|xml)\b'
        . '|application/(?:x-www-form-urlencoded|javascript|graphql|x-ndjson|yaml)\b'
        . '|image/svg\+xml\b)~i';

    /** @return array<string, mixed> */
    public static function of(Call $call, string $body): array
    {
        [$path, $rawQuery] = explode('?', $call->target, 2) + [1 => ''];
        $headers = self::headersOf($call->headers);
        $isText = self::isText($headers['content-type'] ?? null, $body);
        return [
            'type' => 'http',
            'requestId' => $call->id,
            'method' => $call->method,
            'path' => $path,
            'rawQuery' => $rawQuery,
            'query' => $rawQuery === '' ? [] : self::queryOf($rawQuery),
            'headers' => $headers,
            'body' => $isText ? $body : base64_encode($body),
            'isBase64Encoded' => !$isText,
        ];
    }

    /** True when type and bytes say that a body is text. */
    public static function isText(?string $type, string $body): bool
    {
        return $body === '' || (
            preg_match(self::TEXTUAL, $type ?? 'text/') === 1
            && Text::isUtf8($body)
        );
    }

    /**
     * The answer of an invocation: a string that is no UTF-8 as it is, all else as JSON, `null` for
     * nothing.
     *
     * @throws BadResponse
     */
    public static function answerOfInvocation(mixed $result): Answer
    {
        $isBytes = is_string($result) && !Text::isUtf8($result);
        return $isBytes ? new Answer(200, Answer::BYTES_TYPE, $result) : self::jsonAnswer($result);
    }

    /** @throws BadResponse */
    public static function jsonAnswer(mixed $result): Answer
    {
        if ($result instanceof \Closure || is_resource($result)) {
            throw new BadResponse('a ' . get_debug_type($result) . ' cannot be written as JSON');
        }
        try {
            return new Answer(200, Answer::JSON_TYPE, Json::encodeStrictly($result));
        } catch (\JsonException $error) {
            throw new BadResponse("it cannot be written as JSON ({$error->getMessage()})");
        } catch (\Throwable $error) {
            $why = get_class($error) . ': ' . $error->getMessage();
            throw new BadResponse("it cannot be written as JSON ({$why})");
        }
    }

    /**
     * The answer of a URL call, whose body may still be a stream of parts.
     *
     * @return array{Answer, ?iterable<mixed>}
     * @throws BadResponse
     */
    public static function answerFromResult(mixed $result): array
    {
        if ($result === null) {
            return [new Answer(204, [], ''), null];
        }
        if (is_string($result)) {
            return [new Answer(200, self::typeOf($result), $result), null];
        }
        if (is_array($result) && array_key_exists('statusCode', $result)) {
            return self::fromParts($result);
        }
        if ($result instanceof \stdClass && property_exists($result, 'statusCode')) {
            return self::fromParts((array) $result);
        }
        return [self::jsonAnswer($result), null];
    }

    /**
     * `$untyped` is the content type of a body that comes without one, by its kind when absent.
     *
     * @param array<array-key, mixed> $parts
     * @param ?list<string> $untyped
     * @return array{Answer, ?iterable<mixed>}
     * @throws BadResponse
     */
    public static function fromParts(array $parts, ?array $untyped = null): array
    {
        $status = $parts['statusCode'];
        if (!is_int($status) || $status < 200 || $status > 599) {
            $shown = self::show($status);
            $why = "`statusCode` is {$shown}; it must be a whole number from 200 to 599";
            throw new BadResponse($why);
        }
        $headers = self::headersFromParts($parts);
        $body = $parts['body'] ?? null;
        if ($body === null || $status === 204 || $status === 304) {
            return [new Answer($status, $headers, ''), null];
        }
        $isEncoded = ($parts['isBase64Encoded'] ?? false) === true;
        $text = self::bodyFromPart($body, $isEncoded);
        if (!self::hasType($headers)) {
            $type = $isEncoded ? Answer::BYTES_TYPE : self::typeOf($text ?? '');
            array_push($headers, ...($untyped ?? $type));
        }
        return [new Answer($status, $headers, $text ?? ''), $text === null ? $body : null];
    }

    /** The body's bytes; null when it is a stream of parts. */
    private static function bodyFromPart(mixed $body, bool $isEncoded): ?string
    {
        if (is_string($body)) {
            return $isEncoded ? (string) base64_decode($body) : $body;
        }
        if ($body instanceof \Traversable) {
            return null;
        }
        $shown = self::show($body);
        $why = "`body` is {$shown}; it must be a string or a generator of strings";
        throw new BadResponse("{$why} (use json_encode for arrays and objects)");
    }

    /**
     * @param array<array-key, mixed> $parts
     * @return list<string>
     */
    private static function headersFromParts(array $parts): array
    {
        $headers = $parts['headers'] ?? [];
        $cookies = $parts['cookies'] ?? [];
        if ($headers instanceof \stdClass) {
            $headers = (array) $headers;
        }
        if (!is_array($headers)) {
            $shown = self::show($headers);
            throw new BadResponse("`headers` is {$shown}; it must be an array of names and values");
        }
        if (!is_array($cookies)) {
            throw new BadResponse('`cookies` is ' . self::show($cookies) . '; it must be a list');
        }
        $flat = [];
        foreach ($headers as $name => $value) {
            foreach (is_array($value) ? $value : [$value] as $one) {
                if ($one !== null) {
                    self::addHeader($flat, strtolower((string) $name), $one);
                }
            }
        }
        foreach ($cookies as $cookie) {
            self::addHeader($flat, 'set-cookie', $cookie);
        }
        return $flat;
    }

    /** @param list<string> $flat */
    private static function addHeader(array &$flat, string $name, mixed $value): void
    {
        if (!is_scalar($value)) {
            $shown = self::show($value);
            throw new BadResponse("the header {$name} is {$shown}; it must be text");
        }
        $text = is_bool($value) ? ($value ? 'true' : 'false') : (string) $value;
        $fault = Answer::headerFault($name, $text);
        if ($fault !== null) {
            throw new BadResponse($fault);
        }
        if ($name !== 'content-length' && !Answer::isConnectionHeader($name)) {
            array_push($flat, $name, $text);
        }
    }

    /**
     * Repeated ones joined by `$joint`, cookies by `; `.
     *
     * @param list<string> $flat
     * @return array<string, string>
     */
    public static function headersOf(array $flat, string $joint = ', '): array
    {
        $headers = [];
        foreach (array_chunk($flat, 2) as [$name, $value]) {
            $join = $name === 'cookie' ? '; ' : $joint;
            $headers[$name] = isset($headers[$name]) ? $headers[$name] . $join . $value : $value;
        }
        return $headers;
    }

    /** @return array<string, string> */
    public static function queryOf(string $rawQuery): array
    {
        $query = [];
        foreach (self::pairsOf($rawQuery) as [$name, $value]) {
            $query[$name] = isset($query[$name]) ? $query[$name] . ',' . $value : $value;
        }
        return $query;
    }

    /**
     * Names and values in their order; the third says that a name stands alone.
     *
     * @return \Generator<array{string, string, bool}>
     */
    public static function pairsOf(string $rawQuery): \Generator
    {
        foreach (explode('&', $rawQuery) as $pair) {
            if ($pair !== '') {
                [$name, $value] = array_map(
                    static fn (string $part): string => Text::scrub(urldecode($part)),
                    explode('=', $pair, 2) + [1 => ''],
                );
                yield [$name, $value, !str_contains($pair, '=')];
            }
        }
    }

    /** @return list<string> */
    public static function typeOf(string $body): array
    {
        return Text::isUtf8($body) ? Answer::TEXT_TYPE : Answer::BYTES_TYPE;
    }

    /** @param list<string> $headers */
    private static function hasType(array $headers): bool
    {
        foreach (array_chunk($headers, 2) as [$name]) {
            if ($name === 'content-type') {
                return true;
            }
        }
        return false;
    }

    /** A value for the developer, in short. */
    public static function show(mixed $value): string
    {
        return match (true) {
            is_string($value) => Json::encode(substr($value, 0, 100)),
            is_int($value), is_float($value), is_bool($value) => Json::encode($value),
            $value === null => 'null',
            is_array($value) => 'an array',
            default => 'a ' . get_debug_type($value),
        };
    }
}
