<?php

/**
 * PHP's own complaints: warnings become log entries of their request; a fatal error is told before
 * the process ends, since nobody can catch it.
 */

declare(strict_types=1);

namespace Skerry\Runtime;

/** Turns PHP's errors into log entries. */
final class ErrorLog
{
    private const FATAL = E_ERROR | E_PARSE | E_CORE_ERROR | E_COMPILE_ERROR | E_USER_ERROR
        | E_RECOVERABLE_ERROR;
    private const NAMES = [
        E_WARNING => ['warn', 'Warning'],
        E_USER_WARNING => ['warn', 'Warning'],
        E_NOTICE => ['warn', 'Notice'],
        E_USER_NOTICE => ['info', 'Notice'],
        E_DEPRECATED => ['info', 'Deprecated'],
        E_USER_DEPRECATED => ['info', 'Deprecated'],
    ];

    /** Installs the handler; user code may install its own, which then decides. */
    public static function watch(LogLines $lines, Thrown $thrown): void
    {
        set_error_handler(
            static function (int $type, string $text, string $file, int $line) use (
                $lines,
                $thrown,
            ): bool {
                if (($type & self::FATAL) !== 0) {
                    return false;
                }
                if ((error_reporting() & $type) !== 0) {
                    [$level, $name] = self::NAMES[$type] ?? ['warn', 'Warning'];
                    $place = $thrown->userPath($file) . ':' . $line;
                    $lines->line($level, "{$name}: {$text}\n    at {$place}");
                }
                return true;
            },
        );
    }

    /**
     * The fatal error that ends the process, if one does: its text without PHP's own trace, and the
     * text for the log.
     *
     * @return ?array{message: string, log: string}
     */
    public static function fatal(Thrown $thrown): ?array
    {
        $last = error_get_last();
        if ($last === null || ($last['type'] & self::FATAL) === 0) {
            return null;
        }
        $place = $thrown->userPath($last['file']) . ':' . $last['line'];
        return [
            'message' => explode("\n", $last['message'], 2)[0],
            'log' => "Fatal error: {$last['message']}\n    at {$place}",
        ];
    }
}
