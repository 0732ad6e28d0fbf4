<?php

/** The text of a Set-Cookie header, as PHP's `setcookie` writes it. */

declare(strict_types=1);

namespace Skerry\Runtime;

/** Pure functions. */
final class Cookie
{
    private const NAME_NEVER = "=,; \t\r\n\013\014";
    private const VALUE_NEVER = ",; \t\r\n\013\014";
    private const DATE = 'D, d M Y H:i:s \G\M\T';
    private const OPTIONS = ['expires', 'path', 'domain', 'secure', 'httponly', 'samesite'];

    /**
     * The header's value; `value` stands in it as it is.
     *
     * @param array<string, mixed> $options The options of `setcookie`.
     * @throws \ValueError
     */
    public static function line(string $name, string $value, array $options): string
    {
        if ($name === '' || strpbrk($name, self::NAME_NEVER) !== false) {
            $why = 'is empty, or has "=", ",", ";" or a blank or control character in it';
            throw new \ValueError("A cookie's name {$why}.");
        }
        if (strpbrk($value, self::VALUE_NEVER) !== false) {
            $why = 'has ",", ";" or a blank or control character in it';
            throw new \ValueError("A cookie's value {$why}.");
        }
        $options = array_change_key_case($options);
        foreach (array_diff(array_keys($options), self::OPTIONS) as $unknown) {
            trigger_error("Option \"{$unknown}\" of setcookie is invalid", E_USER_WARNING);
        }
        if ($value === '') {
            $text = "{$name}=deleted; expires=" . gmdate(self::DATE, 1) . '; Max-Age=0';
        } else {
            $text = "{$name}={$value}" . self::lifetime((int) ($options['expires'] ?? 0));
        }
        foreach (['path' => 'path', 'domain' => 'domain'] as $key => $label) {
            $text .= ($options[$key] ?? '') === '' ? '' : "; {$label}={$options[$key]}";
        }
        $text .= ($options['secure'] ?? false) ? '; secure' : '';
        $text .= ($options['httponly'] ?? false) ? '; HttpOnly' : '';
        $sameSite = $options['samesite'] ?? '';
        return $sameSite === '' ? $text : "{$text}; SameSite={$sameSite}";
    }

    private static function lifetime(int $expires): string
    {
        if ($expires === 0) {
            return '';
        }
        $seconds = max(0, $expires - time());
        return '; expires=' . gmdate(self::DATE, $expires) . "; Max-Age={$seconds}";
    }
}
