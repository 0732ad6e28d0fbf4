<?php

/** What user code sees of its surroundings in `getenv`, `$_ENV` and `$_SERVER`. */

declare(strict_types=1);

namespace Skerry\Runtime;

/** Sets the process's environment. */
final class Environment
{
    /** Names that the surroundings may set; everything else of a blank's environment is removed. */
    private const KEPT = ['PATH', 'HOME', 'TMPDIR', 'TZ'];
    private const DEFAULTS = [
        'PATH' => '/usr/local/bin:/usr/bin:/bin',
        'HOME' => '/tmp',
        'TZ' => 'UTC',
    ];

    /** Leaves a blank's environment with what any function may see. */
    public static function scrub(): void
    {
        $kept = array_intersect_key(getenv(), array_flip(self::KEPT)) + self::DEFAULTS;
        foreach (array_keys(getenv()) as $name) {
            putenv((string) $name);
        }
        $_ENV = [];
        $_SERVER = ['argv' => [], 'argc' => 0];
        self::fill($kept);
    }

    /**
     * Adds the function's own names.
     *
     * @param array<string, string> $env
     */
    public static function fill(array $env): void
    {
        foreach ($env as $name => $value) {
            putenv("{$name}={$value}");
            $_ENV[$name] = $value;
            $_SERVER[$name] = $value;
        }
        @date_default_timezone_set($env['TZ'] ?? 'UTC');
    }

    /**
     * Names that the platform tells.
     *
     * @return array<string, string>
     */
    public static function platformNames(Facts $facts): array
    {
        return [
            'SKERRY_APP' => $facts->app,
            'SKERRY_FUNCTION' => $facts->function,
            'SKERRY_REVISION' => $facts->revision,
            'SKERRY_INSTANCE_ID' => $facts->instanceId,
            'SKERRY_MEMORY_MB' => (string) $facts->memoryMb,
        ];
    }
}
