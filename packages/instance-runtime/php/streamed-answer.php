<?php

declare(strict_types=1);

namespace Skerry;

/**
 * The answer of a call with `stream`, whatever its status. Iterated over, once, it gives the parts
 * of its body as they come; one that breaks off throws CallFailed. It ends with the request that
 * called, and when nothing holds it any more.
 *
 * @implements \IteratorAggregate<int, string>
 */
final class StreamedAnswer implements \IteratorAggregate
{
    public readonly int $status;
    /** @var array<string, string> By name in lower case; of one that comes again, joined by commas. */
    public readonly array $headers;
    public readonly ?string $requestId;

    /**
     * @internal
     * @param array<string, mixed> $head A CallReplyHead without an error.
     * @param \Closure(): (string|array|null) $nextPart
     * @param \Closure(): mixed $giveUp
     */
    public function __construct(
        array $head,
        private readonly \Closure $nextPart,
        private readonly \Closure $giveUp,
    ) {
        $headers = [];
        foreach (array_chunk($head['h'], 2) as [$name, $value]) {
            $name = strtolower($name);
            $headers[$name] = isset($headers[$name]) ? "{$headers[$name]}, {$value}" : $value;
        }
        $this->status = $head['s'];
        $this->headers = $headers;
        $this->requestId = $head['id'] ?? null;
    }

    /** @return \Generator<int, string> */
    public function getIterator(): \Generator
    {
        while (is_string($part = ($this->nextPart)())) {
            yield $part;
        }
        if ($part !== null) {
            CallFailed::check(['e' => $part]);
        }
    }

    public function __destruct()
    {
        ($this->giveUp)();
    }
}
