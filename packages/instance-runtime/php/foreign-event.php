<?php

/**
 * Calls of a URL as functions of other platforms know them, by the function's `eventFormat`: the
 * event of SCF's API gateway and function URL, of FC's HTTP trigger and of Lambda's function URL,
 * and what each of them makes of a result. The Node runtime has the same (packages/event-shapes);
 * one set of cases holds both.
 */

declare(strict_types=1);

namespace Skerry\Runtime;

/** What the handler of one function is given, and what is made of its results. */
final class ForeignEvent
{
    private const CLIENT_ADDRESS = 'x-skerry-client-address';
    private const PARAMS = 'x-skerry-params';
    private const FORM = '~^\s*application/x-www-form-urlencoded\b~i';

    /** Every event comes as bytes, and a text result is the answer as it is. */
    public readonly bool $isFc;

    public function __construct(private readonly string $format, private readonly string $function)
    {
        $this->isFc = $format === 'fc';
    }

    /** @return array<string, mixed>|string What is to be handed on; bytes are a string. */
    public function of(Call $call, string $body): array|string
    {
        $came = $this->cameOf($call, $body);
        return match ($this->format) {
            'lambda' => $this->lambdaEvent($came),
            'fc' => $this->fcEvent($came),
            default => $this->scfEvent($came),
        };
    }

    /** @throws BadResponse */
    public function answerOfInvocation(mixed $result): Answer
    {
        $isText = $this->isFc && is_string($result);
        return $isText
            ? new Answer(200, HttpEvent::typeOf($result), $result)
            : HttpEvent::answerOfInvocation($result);
    }

    /**
     * The answer of a URL call, whose body may still be a stream of parts.
     *
     * @return array{Answer, ?iterable<mixed>}
     * @throws BadResponse
     */
    public function answerFromResult(mixed $result): array
    {
        $said = $this->isFc && is_string($result) ? json_decode($result) : $result;
        if ($said instanceof \stdClass) {
            $said = (array) $said;
        }
        if (is_array($said) && array_key_exists('statusCode', $said)) {
            $untyped = $this->format === 'scf' ? null : Answer::JSON_TYPE;
            return HttpEvent::fromParts(self::checked($said), $untyped);
        }
        return [$this->wholeAnswer($result), null];
    }

    private function wholeAnswer(mixed $result): Answer
    {
        if (!is_string($result) || !Text::isUtf8($result) || $this->format === 'scf') {
            return HttpEvent::answerOfInvocation($result);
        }
        $isJson = $this->format === 'lambda' || self::isJson($result);
        return new Answer(200, $isJson ? Answer::JSON_TYPE : Answer::TEXT_TYPE, $result);
    }

    private static function isJson(string $text): bool
    {
        json_decode($text);
        return json_last_error() === JSON_ERROR_NONE;
    }

    /**
     * A status may be text, and base64 has to be some: both are so there.
     *
     * @param array<array-key, mixed> $parts
     * @return array<array-key, mixed>
     */
    private static function checked(array $parts): array
    {
        $status = $parts['statusCode'];
        if (is_string($status) && preg_match('/^[0-9]{3}$/D', $status) === 1) {
            $parts['statusCode'] = (int) $status;
        }
        $body = $parts['body'] ?? null;
        if (($parts['isBase64Encoded'] ?? false) === true && is_string($body)) {
            $digits = rtrim($body, '=');
            $isBase64 = preg_match('~^[A-Za-z0-9+/]*$~D', $digits) === 1;
            if (!$isBase64 || strlen($digits) % 4 === 1) {
                $shown = HttpEvent::show($body);
                $why = "`body` is {$shown}; with `isBase64Encoded` it must be base64";
                throw new BadResponse($why);
            }
        }
        return $parts;
    }

    /** @return array<string, mixed> A request, as far as all platforms tell the same of it. */
    private function cameOf(Call $call, string $body): array
    {
        [$path, $rawQuery] = explode('?', $call->target, 2) + [1 => ''];
        $headers = HttpEvent::headersOf($call->headers, ',');
        $sourceIp = $headers[self::CLIENT_ADDRESS] ?? '';
        unset($headers[self::CLIENT_ADDRESS]);
        $params = $headers[self::PARAMS] ?? null;
        $isText = $this->isText($headers['content-type'] ?? null, $body);
        return [
            'call' => $call,
            'path' => $path,
            'rawQuery' => $rawQuery,
            'headers' => $headers,
            'params' => $params === null ? null : json_decode($params, true),
            'content' => [
                'body' => $isText ? $body : base64_encode($body),
                'isBase64Encoded' => !$isText,
            ],
            'sourceIp' => $sourceIp,
            'http' => [
                'method' => $call->method,
                'path' => $path,
                'protocol' => 'HTTP/1.1',
                'sourceIp' => $sourceIp,
                'userAgent' => $headers['user-agent'] ?? '',
            ],
            'domain' => [
                'domainName' => $call->authority,
                'domainPrefix' => preg_split('/[.:]/', $call->authority, 2)[0],
            ],
            'timeMs' => (int) floor(microtime(true) * 1000),
        ];
    }

    /** On Lambda forms, and bodies that say nothing of what they are, are base64. */
    private function isText(?string $type, string $body): bool
    {
        $isUntold = $type === null || preg_match(self::FORM, $type) === 1;
        $isBytes = $this->format === 'lambda' && $body !== '' && $isUntold;
        return !$isBytes && HttpEvent::isText($type, $body);
    }

    /**
     * What is absent there is absent here.
     *
     * @param array<string, mixed> $came
     * @return array<string, mixed>
     */
    private function lambdaEvent(array $came): array
    {
        $call = $came['call'];
        $cookie = $came['headers']['cookie'] ?? null;
        $event = [
            'version' => '2.0',
            'routeKey' => '$default',
            'rawPath' => $came['path'],
            'rawQueryString' => $came['rawQuery'],
            'cookies' => $cookie === null ? null : preg_split('/; */', $cookie),
            'headers' => $came['headers'],
            'queryStringParameters' =>
                $came['rawQuery'] === '' ? null : HttpEvent::queryOf($came['rawQuery']),
            'requestContext' => [
                'accountId' => 'anonymous',
                'apiId' => $this->function,
                ...$came['domain'],
                'http' => $came['http'],
                'requestId' => $call->id,
                'routeKey' => '$default',
                'stage' => '$default',
                'time' => gmdate('d/M/Y:H:i:s +0000', intdiv($came['timeMs'], 1000)),
                'timeEpoch' => $came['timeMs'],
            ],
            'pathParameters' => $came['params'],
            'body' => $came['content']['body'] === '' ? null : $came['content']['body'],
            'isBase64Encoded' => $came['content']['isBase64Encoded'],
        ];
        return array_filter($event, static fn (mixed $value): bool => $value !== null);
    }

    /**
     * As bytes: FC's handlers parse their events themselves. Header names are written as Go's are.
     *
     * @param array<string, mixed> $came
     */
    private function fcEvent(array $came): string
    {
        $headers = [];
        foreach ($came['headers'] as $name => $value) {
            $headers[ucwords((string) $name, '-')] = $value;
        }
        return Json::encode([
            'version' => 'v1',
            'rawPath' => $came['path'],
            ...$came['content'],
            'headers' => (object) $headers,
            'queryParameters' => (object) HttpEvent::queryOf($came['rawQuery']),
            'requestContext' => [
                'accountId' => 'skerry',
                ...$came['domain'],
                'http' => $came['http'],
                'requestId' => $came['call']->id,
                'time' => gmdate('Y-m-d\TH:i:s\Z', intdiv($came['timeMs'], 1000)),
                'timeEpoch' => (string) $came['timeMs'],
            ],
        ]);
    }

    /**
     * Of an API gateway; a function URL's says less of the same.
     *
     * @param array<string, mixed> $came
     * @return array<string, mixed>
     */
    private function scfEvent(array $came): array
    {
        $call = $came['call'];
        return [
            'requestContext' => [
                'serviceId' => "service-{$this->function}",
                'path' => $came['path'],
                'httpMethod' => $call->method,
                'requestId' => $call->id,
                'identity' => [],
                'sourceIp' => $came['sourceIp'],
                'stage' => 'release',
            ],
            'headers' => [...$came['headers'], 'x-scf-remote-addr' => $came['sourceIp']],
            ...$came['content'],
            'pathParameters' => $came['params'] ?? [],
            'queryStringParameters' => [],
            'headerParameters' => [],
            'stageVariables' => ['stage' => 'release'],
            'path' => $came['path'],
            'queryString' => self::scfQueryOf($came['rawQuery']),
            'httpMethod' => $call->method,
        ];
    }

    /**
     * A list of what is repeated, true for a name alone.
     *
     * @return array<string, string|bool|list<string|bool>>
     */
    private static function scfQueryOf(string $rawQuery): array
    {
        $all = [];
        foreach (HttpEvent::pairsOf($rawQuery) as [$name, $value, $isAlone]) {
            $all[$name][] = $isAlone ? true : $value;
        }
        return array_map(static fn (array $l): mixed => count($l) > 1 ? $l : $l[0], $all);
    }
}
