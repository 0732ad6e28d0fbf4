<?php

/** The logger that a context carries. */

declare(strict_types=1);

namespace Skerry;

use Skerry\Runtime\Json;
use Skerry\Runtime\LogLines;

/**
 * Writes log entries under the request at hand, with the methods of PSR-3. `{name}` in a message is
 * replaced by the value of that name; the other values follow as JSON. A value under `exception`
 * that was thrown is told with its class and message.
 */
final class Logger
{
    private const LEVELS = [
        'debug' => 'debug',
        'info' => 'info',
        'notice' => 'info',
        'warning' => 'warn',
        'error' => 'error',
        'critical' => 'error',
        'alert' => 'error',
        'emergency' => 'error',
    ];

    public function __construct(private readonly LogLines $lines)
    {
    }

    /** @param array<string, mixed> $values */
    public function debug(string|\Stringable $message, array $values = []): void
    {
        $this->log('debug', $message, $values);
    }

    /** @param array<string, mixed> $values */
    public function info(string|\Stringable $message, array $values = []): void
    {
        $this->log('info', $message, $values);
    }

    /** @param array<string, mixed> $values */
    public function notice(string|\Stringable $message, array $values = []): void
    {
        $this->log('notice', $message, $values);
    }

    /** @param array<string, mixed> $values */
    public function warning(string|\Stringable $message, array $values = []): void
    {
        $this->log('warning', $message, $values);
    }

    /** @param array<string, mixed> $values */
    public function error(string|\Stringable $message, array $values = []): void
    {
        $this->log('error', $message, $values);
    }

    /** @param array<string, mixed> $values */
    public function critical(string|\Stringable $message, array $values = []): void
    {
        $this->log('critical', $message, $values);
    }

    /** @param array<string, mixed> $values */
    public function alert(string|\Stringable $message, array $values = []): void
    {
        $this->log('alert', $message, $values);
    }

    /** @param array<string, mixed> $values */
    public function emergency(string|\Stringable $message, array $values = []): void
    {
        $this->log('emergency', $message, $values);
    }

    /**
     * One entry; a level that PSR-3 does not know counts as info.
     *
     * @param array<string, mixed> $values
     */
    public function log(mixed $level, string|\Stringable $message, array $values = []): void
    {
        $text = (string) $message;
        $rest = [];
        foreach ($values as $name => $value) {
            $shown = $value instanceof \Throwable
                ? get_class($value) . ': ' . $value->getMessage()
                : $value;
            $mark = '{' . $name . '}';
            if (str_contains($text, $mark)) {
                $text = str_replace($mark, is_string($shown) ? $shown : self::show($shown), $text);
            } else {
                $rest[$name] = $shown;
            }
        }
        $whole = $rest === [] ? $text : $text . ' ' . self::show($rest);
        $this->lines->line(self::LEVELS[$level] ?? 'info', $whole);
    }

    private static function show(mixed $value): string
    {
        try {
            return Json::encode($value);
        } catch (\JsonException) {
            return get_debug_type($value);
        }
    }
}
