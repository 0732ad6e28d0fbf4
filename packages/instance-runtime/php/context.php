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
        public readonly array $env,
        public readonly Logger $log,
        private readonly \Closure $isGone,
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
