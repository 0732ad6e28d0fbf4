<?php

/**
 * PHP's command line swallows headers and writes `error_log` to stderr, where nobody knows which
 * request wrote it. runtime.json disables these functions, and since PHP 8 a disabled function may
 * be defined anew; each keeps the signature and meaning of PHP's own. In an event handler, which
 * answers with what it returns, the header functions do nothing, as on PHP's command line.
 */

declare(strict_types=1);

use Skerry\Runtime\Cookie;
use Skerry\Runtime\Instance;
use Skerry\Runtime\PageHeaders;
use Skerry\Runtime\PageRequest;

/** Types 0 and 4 make an entry of the log. */
function error_log(
    string $message,
    int $message_type = 0,
    ?string $destination = null,
    ?string $additional_headers = null,
): bool {
    return match ($message_type) {
        1 => mail(
            (string) $destination,
            'PHP error_log message',
            $message,
            $additional_headers ?? '',
        ),
        3 => file_put_contents((string) $destination, $message, FILE_APPEND) !== false,
        default => Instance::current()->log('error', $message),
    };
}

/** Sends what the page has printed so far, also from the buffer that the runtime keeps. */
function flush(): void
{
    if (PageHeaders::current() !== null && ob_get_level() === 1) {
        ob_flush();
    }
}

/** The headers of the page at hand while they can be changed; warns as PHP does when they left. */
function skerry_headers(): ?PageHeaders
{
    $headers = PageHeaders::current();
    if ($headers !== null && headers_sent($file, $line)) {
        $where = $file === '' ? '' : " (output started at {$file}:{$line})";
        $text = "Cannot modify header information - headers already sent{$where}";
        trigger_error($text, E_USER_WARNING);
        return null;
    }
    return $headers;
}

function header(string $header, bool $replace = true, int $response_code = 0): void
{
    skerry_headers()?->set($header, $replace, $response_code);
}

function header_remove(?string $name = null): void
{
    skerry_headers()?->remove($name);
}

/** @return list<string> */
function headers_list(): array
{
    return PageHeaders::current()?->all() ?? [];
}

function header_register_callback(callable $callback): bool
{
    PageHeaders::current()?->registerCallback($callback);
    return PageHeaders::current() !== null;
}

function http_response_code(int $response_code = 0): int|bool
{
    $headers = PageHeaders::current();
    if ($headers === null) {
        return false;
    }
    $before = $headers->status();
    if ($response_code !== 0) {
        skerry_headers()?->setStatus($response_code);
    }
    return $before;
}

/** @param array<string, mixed>|int $expires_or_options */
function setcookie(
    string $name,
    string $value = '',
    array|int $expires_or_options = 0,
    string $path = '',
    string $domain = '',
    bool $secure = false,
    bool $httponly = false,
): bool {
    $rest = [$expires_or_options, $path, $domain, $secure, $httponly];
    return setrawcookie($name, rawurlencode($value), ...$rest);
}

/** @param array<string, mixed>|int $expires_or_options */
function setrawcookie(
    string $name,
    string $value = '',
    array|int $expires_or_options = 0,
    string $path = '',
    string $domain = '',
    bool $secure = false,
    bool $httponly = false,
): bool {
    $options = is_array($expires_or_options)
        ? $expires_or_options
        : ['expires' => $expires_or_options] + compact('path', 'domain', 'secure', 'httponly');
    $headers = skerry_headers();
    $headers?->set('Set-Cookie: ' . Cookie::line($name, $value, $options), false);
    return $headers !== null;
}

/** @return array<string, string> */
function getallheaders(): array
{
    return PageRequest::current()?->headers() ?? [];
}

/** @return array<string, string> */
function apache_request_headers(): array
{
    return getallheaders();
}

function is_uploaded_file(string $filename): bool
{
    return PageRequest::current()?->isUpload($filename) ?? false;
}

function move_uploaded_file(string $from, string $to): bool
{
    if (!is_uploaded_file($from) || !(@rename($from, $to) || copy($from, $to))) {
        return false;
    }
    PageRequest::current()?->forgetUpload($from);
    @chmod($to, 0666 & ~umask());
    return true;
}
