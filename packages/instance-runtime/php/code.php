<?php

/** The code of one revision: its directory, its entry file, and how that takes requests. */

declare(strict_types=1);

namespace Skerry\Runtime;

/** What a specialise brings. */
final class Code
{
    /** Memory that PHP's own limit leaves to the interpreter itself. */
    private const NATIVE_MB_MIN = 24;
    private const NATIVE_SHARE = 0.1;

    public readonly Facts $facts;
    public readonly Thrown $thrown;
    public readonly string $directory;
    /** True when the entry file is a page and no event handler. */
    public bool $isPage = false;
    private readonly string $handler;
    private readonly int $startedNs;
    private int $codeNs = 0;
    private ?string $function = null;

    /** @param array<string, mixed> $head A SpecialiseHead. */
    public function __construct(array $head, string $runtimeDirectory)
    {
        $this->startedNs = hrtime(true);
        $this->facts = Facts::fromHead($head);
        $this->directory = $head['codeDirectory'];
        $this->handler = $head['handler'];
        $this->thrown = new Thrown($this->directory, $runtimeDirectory);
    }

    /**
     * Sets the surroundings and finds out what the entry file is, without running it. Returns its
     * path.
     *
     * @throws \Throwable When it cannot be run.
     */
    public function prepare(): string
    {
        $env = $this->facts->env + Environment::platformNames($this->facts);
        Environment::fill($env + ['TZ' => (string) getenv('TZ')]);
        $memoryMb = $this->facts->memoryMb;
        $native = max(self::NATIVE_MB_MIN, (int) ceil($memoryMb * self::NATIVE_SHARE));
        ini_set('memory_limit', max(16, $memoryMb - $native) . 'M');
        chdir($this->directory);
        $manifest = json_decode((string) file_get_contents('artefact.json'), true);
        $entry = $this->directory . '/' . ($manifest['entry'] ?? '');
        $scan = new EntryScan((string) file_get_contents($entry), $this->handler);
        $this->function = $scan->function;
        $this->isPage = $scan->function === null && !$scan->returns && $scan->acts;
        $this->codeNs = hrtime(true) - $this->startedNs;
        return $entry;
    }

    /** The handler, after the entry file has run: its function, or what it returned. */
    public function handlerOf(mixed $returned): ?\Closure
    {
        if ($this->function !== null && function_exists($this->function)) {
            return \Closure::fromCallable($this->function);
        }
        return is_callable($returned) ? \Closure::fromCallable($returned) : null;
    }

    /**
     * What the code does once, before the first request or before it is stopped: its function of
     * that name beside the handler. One that needs more than one argument is the code's own affair.
     */
    public function hook(string $name): ?\Closure
    {
        $at = strrpos((string) $this->function, '\\');
        $function = ($at === false ? '' : substr((string) $this->function, 0, $at + 1)) . $name;
        if ($this->isPage || !function_exists($function)) {
            return null;
        }
        $required = (new \ReflectionFunction($function))->getNumberOfRequiredParameters();
        return $required <= 1 ? \Closure::fromCallable($function) : null;
    }

    /** Why there is no handler. */
    public function missing(mixed $returned): string
    {
        $what = $returned === 1 ? 'nothing' : 'a ' . get_debug_type($returned);
        return "Expected a function `{$this->handler}` in the entry file, a callable that the file "
            . "returns, or a page that prints; it returns {$what}.";
    }

    /** @return array<string, mixed> A SpecialiseReply. */
    public function readyReply(): array
    {
        return [
            'ok' => true,
            'handlerKind' => $this->isPage ? 'fetch' : 'event',
            'codeUs' => intdiv($this->codeNs, 1000),
            'initUs' => intdiv(hrtime(true) - $this->startedNs - $this->codeNs, 1000),
            'codeCacheUsed' => false,
        ] + ($this->hook('preStop') === null ? [] : ['preStop' => true]);
    }
}
