<?php

/** What a handler is told about its request. */

declare(strict_types=1);

namespace Skerry;

/** Second argument of event handlers; pages take it from `Skerry\Context::current()`. */
final class Context
{
    private static ?self $current = null;

    /** @var list<\Closure> */
    private array $work = [];

    /**
     * @param string $requestId A UUIDv7; log lines carry it.
     * @param int $deadlineMs Wall clock milliseconds at which the platform stops waiting.
     * @param ?string $coldReason Why this request waited for a start; null on a warm one.
     * @param ?string $parentRequestId Request id of the function that called by `call`.
     * @param array<string, string> $env The function's own environment.
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
    ) {
    }

    /** Milliseconds until the deadline; 0 when it has passed. */
    public function remainingMs(): int
    {
        return (int) max(0, $this->deadlineMs - microtime(true) * 1000);
    }

    /**
     * True once the caller has given the request up, so that its answer goes nowhere. Each call
     * looks at the link: ask now and then in long work, not in an inner loop.
     */
    public function isCancelled(): bool
    {
        return ($this->isGone)();
    }

    /**
     * Calls another function, `APP/FN`, and gives its result: parsed JSON, text, or bytes of any
     * other type. The payload is its event, sent as JSON. Waits no longer than this request has
     * left.
     *
     * @throws CallFailed
     * @throws \JsonException When the payload cannot be JSON; nothing was called.
     */
    public function call(string $target, mixed $payload = null, ?int $timeoutMs = null): mixed
    {
        $waitMs = max(1, min($this->remainingMs(), $timeoutMs ?? PHP_INT_MAX));
        $body = $payload === null ? '' : Runtime\Json::encodeStrictly($payload);
        [$head, $answer] = ($this->callOut)($target, $body, $waitMs);
        return CallFailed::resultOf($target, $head, $answer);
    }

    /**
     * Runs `work` once the answer has left, in order, before the next request; its log lines carry
     * this request's id. An instance that rests may be frozen in the middle of it, see `rest` in
     * the configuration. In a page it runs at the end, before the rest of the answer leaves.
     */
    public function waitUntil(callable $work): void
    {
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
