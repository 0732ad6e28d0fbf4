<?php

/**
 * What PHP makes of a form's body, which it does by itself only behind a web server: fields and
 * uploaded files of `multipart/form-data` (RFC 7578) and of urlencoded forms.
 */

declare(strict_types=1);

namespace Skerry\Runtime;

/** A parsed body. */
final class FormBody
{
    private const MULTIPART = '~^\s*multipart/form-data\b.*?boundary=("?)([^";,]+)\1~i';
    private const FILE_KEYS = ['name', 'type', 'tmp_name', 'error', 'size'];

    /** @var array<array-key, mixed> For `$_POST`. */
    public array $fields = [];
    /** @var array<array-key, mixed> For `$_FILES`. */
    public array $files = [];
    /** @var list<string> Paths of the temporary files. */
    public array $paths = [];

    public static function isForm(string $type): bool
    {
        $pattern = '~^\s*(?:application/x-www-form-urlencoded|multipart/form-data)\b~i';
        return preg_match($pattern, $type) === 1;
    }

    public function __construct(string $type, string $body)
    {
        if (preg_match('~^\s*application/x-www-form-urlencoded\b~i', $type) === 1) {
            parse_str($body, $this->fields);
        } elseif (preg_match(self::MULTIPART, $type, $match) === 1) {
            $this->parseParts($body, $match[2]);
        }
    }

    private function parseParts(string $body, string $boundary): void
    {
        $fields = [];
        $files = [];
        $parts = explode("\r\n--{$boundary}", "\r\n{$body}");
        foreach (array_slice($parts, 1) as $part) {
            if (str_starts_with($part, '--')) {
                break;
            }
            $part = substr($part, (int) strpos($part, "\r\n") + 2);
            [$head, $content] = explode("\r\n\r\n", $part, 2) + [1 => ''];
            $name = self::parameter($head, 'name');
            if ($name === null) {
                continue;
            }
            $file = self::parameter($head, 'filename');
            if ($file === null) {
                $fields[] = rawurlencode($name) . '=' . rawurlencode($content);
            } else {
                array_push($files, ...$this->filePairs($name, $file, $head, $content));
            }
        }
        parse_str(implode('&', $fields), $this->fields);
        parse_str(implode('&', $files), $this->files);
        foreach ($this->files as &$entry) {
            foreach (['error', 'size'] as $key) {
                self::toIntegers($entry[$key]);
            }
        }
    }

    /**
     * The entries of one file in `$_FILES`, as pairs of a query: of `f[a]` the name is at
     * `f[name][a]`.
     *
     * @return list<string>
     */
    private function filePairs(string $name, string $file, string $head, string $content): array
    {
        $isThere = $file !== '';
        $path = $isThere ? (string) tempnam(sys_get_temp_dir(), 'php') : '';
        if ($isThere) {
            file_put_contents($path, $content);
            $this->paths[] = $path;
        }
        preg_match('~^content-type:\s*(\S[^\r\n]*)~im', $head, $type);
        $values = [
            'name' => basename(str_replace('\\', '/', $file)),
            'type' => $isThere ? $type[1] ?? '' : '',
            'tmp_name' => $path,
            'error' => (string) ($isThere ? UPLOAD_ERR_OK : UPLOAD_ERR_NO_FILE),
            'size' => (string) ($isThere ? strlen($content) : 0),
        ];
        $bracket = strpos($name, '[');
        $base = $bracket === false ? $name : substr($name, 0, $bracket);
        $rest = $bracket === false ? '' : substr($name, $bracket);
        $pairs = [];
        foreach (self::FILE_KEYS as $key) {
            $pairs[] = rawurlencode("{$base}[{$key}]{$rest}") . '=' . rawurlencode($values[$key]);
        }
        return $pairs;
    }

    private static function parameter(string $head, string $name): ?string
    {
        $value = '(?:"((?:[^"\\\\]|\\\\.)*)"|([^;\s]+))';
        $pattern = "~^content-disposition:[^\r\n]*;\s*{$name}={$value}~im";
        if (preg_match($pattern, $head, $match) !== 1) {
            return null;
        }
        $quoted = str_replace(['\\"', '%22'], '"', $match[1]);
        return $quoted !== '' ? $quoted : $match[2] ?? '';
    }

    private static function toIntegers(mixed &$value): void
    {
        if (!is_array($value)) {
            $value = (int) $value;
            return;
        }
        foreach ($value as &$inner) {
            self::toIntegers($inner);
        }
    }
}
