<?php

declare(strict_types=1);

namespace Skerry\Runtime;

use Skerry\Context;
use Skerry\Logger;

/** Facts of the instance, the same for each of its requests. */
final class Facts
{
    /** @param array<string, string> $env */
    private function __construct(
        public readonly string $app,
        public readonly string $function,
        public readonly string $revision,
        public readonly string $instanceId,
        public readonly int $memoryMb,
        public readonly int $timeoutMs,
        public readonly int $payloadBytesMax,
        public readonly array $env,
        public readonly ?string $eventFormat,
    ) {
    }

    /** @param array<string, mixed> $head A SpecialiseHead. */
    public static function fromHead(array $head): self
    {
        return new self(
            $head['names']['app'],
            $head['names']['fn'],
            $head['names']['revision'],
            $head['instanceId'],
            $head['memoryMb'],
            $head['timeoutMs'],
            $head['payloadBytesMax'],
            $head['env'],
            $head['eventFormat'] ?? null,
        );
    }

    /**
     * What a hook is told: what is the same for all requests.
     *
     * @return array<string, mixed>
     */
    public function ofInstance(): array
    {
        return [
            'app' => $this->app,
            'function' => $this->function,
            'revision' => $this->revision,
            'instanceId' => $this->instanceId,
            'memoryMb' => $this->memoryMb,
            'env' => $this->env,
        ];
    }

    /** What an event handler is told about one request. */
    public function contextOf(Call $call, LogLines $lines): Context
    {
        $isGone = static function () use ($call): bool {
            if (!$call->isGone()) {
                $call->link->poll();
                $call->link->lend();
            }
            return $call->isGone() || $call->isAskedToEnd();
        };
        $callOut = fn (array $head, string $payload, int $waitMs): array
            => $call->callOut($head, $payload, $waitMs, $this->payloadBytesMax);
        $asks = [$callOut, $call->streamOut(...)];
        $onWork = $call->leaveWork(...);
        $onReport = $call->report(...);
        return $this->context($call->facts(), $lines, $isGone, $asks, $onWork, $onReport);
    }

    /**
     * What a page is told about its request.
     *
     * @param array<string, mixed> $head
     * @param array{\Closure, \Closure} $asks For a whole answer of a call, and for one in parts.
     */
    public function contextOfPage(array $head, LogLines $lines, array $asks): Context
    {
        $isGone = static fn (): bool => connection_aborted() === 1;
        return $this->context($head, $lines, $isGone, $asks);
    }

    /**
     * @param array<string, mixed> $head
     * @param array{\Closure, \Closure} $asks
     */
    private function context(
        array $head,
        LogLines $lines,
        \Closure $isGone,
        array $asks,
        ?\Closure $onWork = null,
        ?\Closure $onReport = null,
    ): Context {
        return new Context(
            $head['id'],
            $this->app,
            $this->function,
            $this->revision,
            $this->instanceId,
            $this->memoryMb,
            (int) (microtime(true) * 1000 + ($head['r'] ?? $this->timeoutMs)),
            $head['c'],
            $head['p'],
            $this->env,
            new Logger($lines),
            $isGone,
            $asks[0],
            $asks[1],
            $head['cc'] ?? null,
            $onWork,
            $head['iv']['id'] ?? $head['id'],
            $head['iv']['n'] ?? 1,
            $this->actionOf($head),
            $onReport,
            $head['h'],
        );
    }

    /** @return ?array<string, ?string> */
    private function actionOf(array $head): ?array
    {
        $facts = $head['ac'] ?? null;
        return $facts === null ? null : [
            'name' => $facts['n'],
            'drive' => $facts['d'],
            'triggerId' => $facts['t'],
            'executionId' => $head['iv']['id'] ?? $head['id'],
            'player' => $facts['p'] ?? null,
            'serverKeyId' => $facts['k'] ?? null,
        ];
    }
}
