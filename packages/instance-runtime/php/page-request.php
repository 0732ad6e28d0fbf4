<?php

/** The request of a page, as the superglobals tell it. */

declare(strict_types=1);

namespace Skerry\Runtime;

/** Fills the superglobals of a page's own process; once in its life. */
final class PageRequest
{
    private static ?self $current = null;

    /** @var array<string, true> */
    private array $uploads = [];
    /** @var array<string, string> */
    private array $cookies = [];

    /**
     * @param array<string, mixed> $head A RequestHead, with headers as bytes.
     * @param string $entry The entry file.
     * @param string $directory The code's directory.
     */
    public function __construct(
        private readonly array $head,
        private readonly string $entry,
        private readonly string $directory,
    ) {
    }

    public static function current(): ?self
    {
        return self::$current;
    }

    /** A cookie as the caller sent it. */
    public static function cookie(string $name): ?string
    {
        return self::$current?->cookies[$name] ?? null;
    }

    /** False when the body is a form of more than `formBytesMax`. */
    public function enter(int $formBytesMax): bool
    {
        self::$current = $this;
        [$path, $query] = explode('?', $this->head['u'], 2) + [1 => ''];
        $_SERVER = $this->serverOf($path, $query) + $_SERVER;
        parse_str($query, $_GET);
        $_COOKIE = $this->cookiesOf($_SERVER['HTTP_COOKIE'] ?? '');
        $type = $this->head['m'] === 'POST' ? $_SERVER['CONTENT_TYPE'] ?? '' : '';
        $body = FormBody::isForm($type) ? PageInput::whole($formBytesMax) : '';
        $form = new FormBody($type, $body ?? '');
        $_POST = $form->fields;
        $_FILES = $form->files;
        $_REQUEST = $_POST + $_GET;
        $this->uploads = array_fill_keys($form->paths, true);
        return $body !== null;
    }

    /** @return array<string, string> Names as browsers write them. */
    public function headers(): array
    {
        $headers = [];
        foreach (array_chunk($this->head['h'], 2) as [$name, $value]) {
            $headers[ucwords($name, '-')] = $value;
        }
        return $headers;
    }

    public function isUpload(string $path): bool
    {
        return isset($this->uploads[$path]);
    }

    public function forgetUpload(string $path): void
    {
        unset($this->uploads[$path]);
    }

    /** Removes the uploaded files that the page did not move. */
    public function dropUploads(): void
    {
        foreach (array_keys($this->uploads) as $path) {
            @unlink($path);
        }
    }

    /** @return array<string, mixed> */
    private function serverOf(string $path, string $query): array
    {
        [$host, $port] = self::hostAndPort($this->head['a']);
        $now = microtime(true);
        $script = '/' . ltrim(substr($this->entry, strlen($this->directory)), '/');
        $server = [
            'REQUEST_METHOD' => $this->head['m'],
            'REQUEST_URI' => $this->head['u'],
            'QUERY_STRING' => $query,
            'PATH_INFO' => rawurldecode($path),
            'DOCUMENT_ROOT' => dirname($this->entry),
            'SCRIPT_NAME' => '/' . basename($script),
            'SCRIPT_FILENAME' => $this->entry,
            'PHP_SELF' => '/' . basename($script) . rawurldecode($path),
            'SERVER_PROTOCOL' => 'HTTP/1.1',
            'SERVER_SOFTWARE' => 'Skerry',
            'GATEWAY_INTERFACE' => 'CGI/1.1',
            'SERVER_NAME' => $host,
            'SERVER_PORT' => $port,
            'REQUEST_TIME' => (int) $now,
            'REQUEST_TIME_FLOAT' => $now,
            'SKERRY_REQUEST_ID' => $this->head['id'],
        ];
        return $this->fromHeaders() + $server;
    }

    /** @return array<string, string> */
    private function fromHeaders(): array
    {
        $server = [];
        foreach (array_chunk($this->head['h'], 2) as [$name, $value]) {
            $key = strtoupper(strtr($name, '-', '_'));
            if ($key === 'CONTENT_TYPE' || $key === 'CONTENT_LENGTH') {
                $server[$key] = $value;
            }
            // A header `Proxy` must not look like a setting of the surroundings (CVE-2016-5385).
            if ($key !== 'PROXY') {
                $join = $key === 'COOKIE' ? '; ' : ', ';
                $before = $server["HTTP_{$key}"] ?? null;
                $server["HTTP_{$key}"] = $before === null ? $value : $before . $join . $value;
            }
        }
        $basic = base64_decode((string) preg_replace(
            '~^basic\s+~i',
            '',
            $server['HTTP_AUTHORIZATION'] ?? '',
            1,
            $isBasic,
        ));
        if ($isBasic === 1 && str_contains($basic, ':')) {
            [$server['PHP_AUTH_USER'], $server['PHP_AUTH_PW']] = explode(':', $basic, 2);
        }
        return $server;
    }

    /** @return array<array-key, mixed> The first of a name counts, and `a[b]` makes arrays. */
    private function cookiesOf(string $header): array
    {
        $pairs = [];
        foreach (explode(';', $header) as $pair) {
            [$name, $value] = explode('=', trim($pair), 2) + [1 => ''];
            if ($name !== '' && !isset($this->cookies[$name])) {
                $this->cookies[$name] = rawurldecode($value);
                $pairs[] = rawurlencode($name) . '=' . rawurlencode($this->cookies[$name]);
            }
        }
        parse_str(implode('&', $pairs), $cookies);
        return $cookies;
    }

    /** @return array{string, string} */
    private static function hostAndPort(string $authority): array
    {
        return preg_match('~^(.*):(\d+)$~', $authority, $match) === 1
            ? [$match[1], $match[2]]
            : [$authority, '80'];
    }
}
