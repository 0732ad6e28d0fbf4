<?php

/** What a handler is told about its request. */

declare(strict_types=1);

namespace Skerry;

/** Second argument of event handlers; pages take it from `Skerry\Context::current()`. */
final class Context
{
    private static ?self $current = null;

    /** LIMITS.progressBytesMax of packages/contracts. */
    private const PROGRESS_BYTES_MAX = 4 << 10;

    /** @var list<\Closure> */
    private array $work = [];

    /**
     * @param string $requestId A UUIDv7; log lines carry it.
     * @param int $deadlineMs Wall clock milliseconds at which the platform stops waiting.
     * @param ?string $coldReason Why this request waited for a start; null on a warm one.
     * @param ?string $parentRequestId Request id of the function that called by `call`.
     * @param string $invocationId Of the accepted invocation that this is an attempt of; a
     *     synchronous call's is its request id.
     * @param int $attempt Counts the attempts of an invocation from 1.
     * @param ?array{name: string, drive: string, triggerId: string, executionId: string, player: ?string,
     *     serverKeyId: ?string} $action The action that this is a run of; null when it is none.
     * @param array<string, string> $env The function's own environment.
     * @param list<string> $headers Names in lower case and values in turn.
     */
    public function __construct(
        public readonly string $requestId,
        public readonly string $app,
        public readonly string $function,
        public readonly string $revision,
        public readonly string $instanceId,
        public readonly int $memoryMb,
        public readonly int $deadlineMs,
        public readonly ?string $coldReason,
        public readonly ?string $parentRequestId,
        public readonly array $env,
        public readonly Logger $log,
        private readonly \Closure $isGone,
        private readonly \Closure $callOut,
        private readonly \Closure $streamOut,
        private readonly ?string $sentClientContext = null,
        private readonly ?\Closure $onWork = null,
        public readonly string $invocationId = '',
        public readonly int $attempt = 1,
        public readonly ?array $action = null,
        private readonly ?\Closure $onReport = null,
        private readonly array $headers = [],
    ) {
    }

    /** Milliseconds until the deadline; 0 when it has passed. */
    public function remainingMs(): int
    {
        return (int) max(0, $this->deadlineMs - microtime(true) * 1000);
    }

    /**
     * True once the caller has given the request up, so that its answer goes nowhere, or its
     * invocation is cancelled: then the handler has a moment to end by itself, and its answer is
     * kept. Each call looks at the link: ask now and then in long work, not in an inner loop.
     */
    public function isCancelled(): bool
    {
        return ($this->isGone)();
    }

    /**
     * Says how far an accepted invocation is: a number from 0 to 1, or an array with `done`,
     * `total` and `message`, or any JSON of at most 4 KiB. Those that come close together are
     * joined. On any other call, and in a page, it does nothing.
     *
     * @throws \JsonException When it cannot be JSON.
     * @throws \LengthException When it is too long.
     */
    public function progress(mixed $value): void
    {
        $json = Runtime\Json::encodeStrictly($value);
        if (strlen($json) > self::PROGRESS_BYTES_MAX) {
            $bytesMax = self::PROGRESS_BYTES_MAX;
            throw new \LengthException("At most {$bytesMax} bytes can be reported as progress.");
        }
        if ($this->onReport !== null) {
            ($this->onReport)($json);
        }
    }

    /** Says that the handler is alive, as `progress` does, for `async.heartbeatMs`. */
    public function heartbeat(): void
    {
        if ($this->onReport !== null) {
            ($this->onReport)('');
        }
    }

    /**
     * The caller's trace, or one that begins here. `spanId` is the span in which the handler runs;
     * what a handler sends on carries `traceparent`.
     *
     * @return array{traceId: string, spanId: string, sampled: bool, traceparent: string,
     *     tracestate: ?string}
     */
    public function trace(): array
    {
        return Runtime\Trace::of($this->requestId, $this->headers);
    }

    /** What the caller tells beside the event, in `X-Skerry-Client-Context`; null when absent. */
    public function clientContext(): mixed
    {
        return $this->sentClientContext === null
            ? null
            : json_decode((string) base64_decode($this->sentClientContext), true);
    }

    /**
     * Calls another function, `APP/FN`, and gives its result: parsed JSON, text, or bytes of any
     * other type. The payload is its event, sent as JSON. Waits no longer than this request has
     * left. With `stream` it gives a StreamedAnswer as soon as the head of the answer is there,
     * whatever its status. The same call under the same `idempotencyKey` runs once, to its own end,
     * and is answered the same; not with `stream`.
     *
     * @throws CallFailed
     * @throws \JsonException When the payload cannot be JSON; nothing was called.
     */
    public function call(
        string $target,
        mixed $payload = null,
        ?int $timeoutMs = null,
        bool $stream = false,
        ?string $idempotencyKey = null,
    ): mixed {
        $waitMs = max(1, min($this->remainingMs(), $timeoutMs ?? PHP_INT_MAX));
        $body = $payload === null ? '' : Runtime\Json::encodeStrictly($payload);
        $asked = ['op' => 'call', 'f' => $target];
        if ($idempotencyKey !== null) {
            $asked['k'] = $stream ? throw CallFailed::streamsUnderKey($target) : $idempotencyKey;
        }
        CallFailed::checkAsked($asked);
        if (!$stream) {
            [$head, $answer] = ($this->callOut)($asked, $body, $waitMs);
            return CallFailed::resultOf($target, $head, $answer);
        }
        [$head, $nextPart, $giveUp] = ($this->streamOut)($asked, $body, $waitMs);
        if (isset($head['e'])) {
            // Whoever waits for an answer has none that gives the call up when it goes.
            $giveUp();
        }
        CallFailed::check($head);
        return new StreamedAnswer($head, $nextPart, $giveUp);
    }

    /**
     * Publishes to a topic of the account: a list of messages, such as `['key' => …, 'data' => …]`,
     * or one message with this content, which is anything but a list. `about` are `key`, `headers`,
     * `contentType` and `time` of those that do not say it. Gives where they lie, as `['partition'
     * => …, 'offset' => …]`, once all of them are on disk. With `idempotencyKey` the same messages
     * are there once, however often they are published.
     *
     * @param array<string, mixed> $about
     * @return list<array{partition: int, offset: int}>|array{partition: int, offset: int}
     * @throws CallFailed
     */
    public function publish(string $topic, mixed $content, array $about = []): array
    {
        $isMany = is_array($content) && array_is_list($content);
        $key = $about['idempotencyKey'] ?? null;
        unset($about['idempotencyKey']);
        $messages = [];
        foreach ($isMany ? $content : [['data' => $content]] as $i => $one) {
            // What is none is refused by whoever reads it.
            $isMessage = is_array($one) || is_object($one);
            $message = $isMessage ? (array) $one + $about : $one;
            $messages[] = self::jsonText("messages.{$i}", $message);
        }
        $named = $key === null ? '' : ',"idempotencyKey":' . self::jsonText('idempotencyKey', $key);
        $body = '{"messages":[' . implode(',', $messages) . "]{$named}}";
        $asked = ['op' => 'publish', 't' => $topic];
        CallFailed::checkAsked($asked);
        [$head, $answer] = ($this->callOut)($asked, $body, max(1, $this->remainingMs()));
        $places = CallFailed::resultOf($topic, $head, $answer)['messages'];
        return $isMany ? $places : $places[0];
    }

    private static function jsonText(string $name, mixed $value): string
    {
        try {
            return Runtime\Json::encodeStrictly($value);
        } catch (\JsonException $error) {
            $problem = "{$name}: this is no JSON: {$error->getMessage()}";
            throw new CallFailed(
                'INPUT_INVALID',
                "The body is not valid: {$problem}",
                ['what' => 'body', 'problems' => $problem, 'problemList' => [$problem]],
                'Correct what is named and send it again; nothing was changed.',
            );
        }
    }

    /**
     * Runs `work` once the answer has left, in order, before the next request; its log lines carry
     * this request's id, and it may take as long as the function's `backgroundTimeoutMs`. What it
     * throws is logged and counted as a failure of the function. In a page it runs at the end,
     * before the rest of the answer leaves.
     */
    public function waitUntil(callable $work): void
    {
        if ($this->work === [] && $this->onWork !== null) {
            ($this->onWork)();
        }
        $this->work[] = \Closure::fromCallable($work);
    }

    /** @internal The next work to do after the answer. */
    public function nextWork(): ?\Closure
    {
        return array_shift($this->work);
    }

    /** The context of the request at hand; null between requests. */
    public static function current(): ?self
    {
        return self::$current;
    }

    /** @internal Only the runtime says which request is at hand. */
    public static function enter(?self $context): void
    {
        self::$current = $context;
    }
}
