<?php

/** Status and headers of the page at hand. */

declare(strict_types=1);

namespace Skerry\Runtime;

/** Holds what `header()` and its siblings set, until the head leaves. */
final class PageHeaders
{
    private const NO_CACHE = [
        'Expires: Thu, 19 Nov 1981 08:52:00 GMT',
        'Cache-Control: no-store, no-cache, must-revalidate',
        'Pragma: no-cache',
    ];

    private static ?self $current = null;

    private int $status = 200;
    /** @var list<array{string, string}> Names as they were given, and values. */
    private array $lines = [];
    private ?\Closure $beforeSending = null;

    /** @param \Closure(): void $onChange Runs after each change. */
    public function __construct(private readonly \Closure $onChange)
    {
    }

    /** The headers of this process's page; null in an event handler. */
    public static function current(): ?self
    {
        return self::$current;
    }

    public function enter(): void
    {
        self::$current = $this;
    }

    /** As `header()`; the head must not have left. */
    public function set(string $line, bool $replace = true, int $status = 0): void
    {
        if (strpbrk($line, "\r\n\0") !== false) {
            $why = 'Header may not contain more than a single header, new line detected';
            trigger_error($why, E_USER_WARNING);
            return;
        }
        if (preg_match('~^HTTP/\S+\s+(\d{3})~i', $line, $match) === 1) {
            $this->setStatus($status !== 0 ? $status : (int) $match[1]);
            return;
        }
        [$name, $value] = array_map('trim', explode(':', $line, 2) + [1 => '']);
        if (Answer::headerFault($name, $value) !== null) {
            trigger_error("The header {$name} cannot be sent", E_USER_WARNING);
            return;
        }
        if ($replace) {
            $this->drop($name);
        }
        $this->lines[] = [$name, self::withCharset($name, $value)];
        if (strcasecmp($name, 'Location') === 0 && !$this->redirects()) {
            $this->status = 302;
        }
        if ($status !== 0) {
            $this->status = $status;
        }
        ($this->onChange)();
    }

    /** Takes one header away, or all. */
    public function remove(?string $name): void
    {
        if ($name === null) {
            $this->lines = [];
        } else {
            $this->drop($name);
        }
        ($this->onChange)();
    }

    public function status(): int
    {
        return $this->status;
    }

    public function setStatus(int $status): void
    {
        $this->status = $status;
        ($this->onChange)();
    }

    /** @return list<string> */
    public function all(): array
    {
        return array_map(static fn (array $line): string => "{$line[0]}: {$line[1]}", $this->lines);
    }

    public function registerCallback(callable $callback): void
    {
        $this->beforeSending = \Closure::fromCallable($callback);
    }

    /**
     * The head as it leaves. The first call runs the registered callback.
     *
     * @return array{s: int, h: list<string>}
     */
    public function head(): array
    {
        $callback = $this->beforeSending;
        $this->beforeSending = null;
        if ($callback !== null) {
            $callback();
        }
        $this->addSession();
        $flat = [];
        foreach ($this->lines as [$name, $value]) {
            $lower = strtolower($name);
            if ($lower !== 'content-length' && !Answer::isConnectionHeader($lower)) {
                array_push($flat, $lower, Text::fromBytes($value));
            }
        }
        $isTyped = $this->has('content-type') || in_array($this->status, [204, 304], true);
        if (!$isTyped) {
            $type = ini_get('default_mimetype') ?: 'text/html';
            array_push($flat, 'content-type', self::withCharset('content-type', $type));
        }
        $isSound = $this->status >= 200 && $this->status <= 599;
        return ['s' => $isSound ? $this->status : 500, 'h' => $flat];
    }

    /** PHP sends these past `header()`, where the CLI loses them. */
    private function addSession(): void
    {
        $id = session_id();
        if ($id === '' || $id === false || !ini_get('session.use_cookies')) {
            return;
        }
        if (session_cache_limiter() === 'nocache' && !$this->has('cache-control')) {
            foreach (self::NO_CACHE as $line) {
                $this->lines[] = explode(': ', $line, 2);
            }
        }
        $name = (string) session_name();
        if (PageRequest::cookie($name) === $id || $this->setsCookie($name)) {
            return;
        }
        $options = session_get_cookie_params();
        $expires = $options['lifetime'] === 0 ? 0 : time() + $options['lifetime'];
        unset($options['lifetime']);
        $text = Cookie::line($name, rawurlencode($id), ['expires' => $expires] + $options);
        $this->lines[] = ['Set-Cookie', $text];
    }

    private function setsCookie(string $name): bool
    {
        foreach ($this->lines as [$header, $value]) {
            if (strcasecmp($header, 'set-cookie') === 0 && str_starts_with($value, "{$name}=")) {
                return true;
            }
        }
        return false;
    }

    private function has(string $name): bool
    {
        foreach ($this->lines as [$header]) {
            if (strcasecmp($header, $name) === 0) {
                return true;
            }
        }
        return false;
    }

    private function drop(string $name): void
    {
        $isOther = static fn (array $line): bool => strcasecmp($line[0], $name) !== 0;
        $this->lines = array_values(array_filter($this->lines, $isOther));
    }

    private function redirects(): bool
    {
        return $this->status === 201 || ($this->status >= 300 && $this->status < 400);
    }

    /** PHP names the character set of text that does not name its own. */
    private static function withCharset(string $name, string $value): string
    {
        $charset = (string) ini_get('default_charset');
        $isBareText = strcasecmp($name, 'content-type') === 0 && $charset !== ''
            && preg_match('~^text/[^;]*$~i', $value) === 1;
        return $isBareText ? "{$value}; charset={$charset}" : $value;
    }
}
