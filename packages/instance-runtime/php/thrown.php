<?php

/**
 * What user code threw, made fit for replies and logs: its own files relative to its folder, frames
 * of this runtime left out, causes after it.
 */

declare(strict_types=1);

namespace Skerry\Runtime;

/** Describes throwables; knows where the code and this runtime lie. */
final class Thrown
{
    private const CAUSES_MAX = 8;
    private const MASK = '[secret]';
    private const BYTES_MIN = 6;
    private const LINE_BYTES_MIN = 16;

    /** @var array<string, string> Texts that nobody may be told, and what stands for them. */
    private static array $hidden = [];

    public function __construct(
        private readonly string $codeDirectory,
        private readonly string $runtimeDirectory,
    ) {
    }

    /** @return array{name: string, message: string} */
    public static function describe(\Throwable $thrown): array
    {
        return ['name' => self::nameOf($thrown), 'message' => Text::scrub($thrown->getMessage())];
    }

    /** What callers are told of a failure: without the values of `hideSecrets`. */
    public static function withoutSecrets(string $text): string
    {
        return self::$hidden === [] ? $text : strtr($text, self::$hidden);
    }

    /**
     * From now on no failure is told with a value of the head's secrets, as it is or as JSON.
     *
     * @param array<string, mixed> $head A SpecialiseHead.
     */
    public static function hideSecrets(array $head): void
    {
        foreach ($head['secrets'] ?? [] as $name) {
            $value = $head['env'][$name] ?? '';
            $isLong = static fn (string $line): bool => strlen($line) >= self::LINE_BYTES_MIN;
            $lines = array_filter(preg_split('/\R/', $value) ?: [], $isLong);
            foreach ([$value, trim($value), ...$lines] as $text) {
                foreach ([$text, substr((string) json_encode($text), 1, -1)] as $form) {
                    if (strlen($form) >= self::BYTES_MIN) {
                        self::$hidden[$form] = self::MASK;
                    }
                }
            }
        }
    }

    /** The text for the log: name, message, the user's own frames, and the same of each cause. */
    public function inspect(\Throwable $thrown): string
    {
        $texts = [];
        $at = $thrown;
        while ($at !== null && count($texts) < self::CAUSES_MAX) {
            $texts[] = $this->one($at);
            $at = $at->getPrevious();
        }
        return implode("\ncaused by ", $texts);
    }

    /** A file as the user knows it, relative to the code's folder. */
    public function userPath(string $file): string
    {
        $folder = $this->codeDirectory . '/';
        return str_starts_with($file, $folder) ? substr($file, strlen($folder)) : $file;
    }

    private function one(\Throwable $thrown): string
    {
        $lines = [self::nameOf($thrown) . ': ' . $thrown->getMessage()];
        $file = $thrown->getFile();
        $line = $thrown->getLine();
        foreach ([...$thrown->getTrace(), []] as $frame) {
            $in = self::functionOf($frame);
            if ($file !== '' && !$this->isOwn($file)) {
                $place = $this->userPath($file) . ':' . $line;
                $lines[] = $in === '' ? "    at {$place}" : "    at {$in} ({$place})";
            }
            $file = $frame['file'] ?? '';
            $line = $frame['line'] ?? 0;
        }
        return implode("\n", $lines);
    }

    private function isOwn(string $file): bool
    {
        return str_starts_with($file, $this->runtimeDirectory . '/');
    }

    /** @param array<string, mixed> $frame */
    private static function functionOf(array $frame): string
    {
        $function = $frame['function'] ?? '';
        if (in_array($function, ['require', 'require_once', 'include', 'include_once'], true)) {
            return '';
        }
        return ($frame['class'] ?? '') . ($frame['type'] ?? '') . $function;
    }

    private static function nameOf(\Throwable $thrown): string
    {
        $name = get_class($thrown);
        $end = strpos($name, '@anonymous');
        return $end === false ? $name : (get_parent_class($thrown) ?: 'Throwable');
    }
}
