<?php

/**
 * What an entry file is, found without running it, since a page must not run before it is asked
 * for. A file that defines the handler's function, or returns something at its top level, is an
 * event handler. A file that does anything else at its top level is a page.
 */

declare(strict_types=1);

namespace Skerry\Runtime;

/** The outcome of looking at an entry file's tokens. */
final class EntryScan
{
    /** Full name of the handler's function; null when the file does not define it. */
    public ?string $function = null;
    /** True when the file returns something at its top level. */
    public bool $returns = false;
    /** True when the file does something when it runs. */
    public bool $acts = false;

    private const OPENING = ['(', '[', '{', '#[', '${'];
    private const CLOSING = [')', ']', '}'];

    /** @var list<\PhpToken> Without blanks and comments. */
    private array $tokens;
    private int $at = 0;
    private string $namespace = '';

    /** @throws \ParseError When the source is no PHP. */
    public function __construct(string $source, private readonly string $handler)
    {
        $this->tokens = array_values(array_filter(
            \PhpToken::tokenize($source, TOKEN_PARSE),
            static fn (\PhpToken $token): bool => !$token->isIgnorable(),
        ));
        while ($this->at < count($this->tokens)) {
            $this->statement($this->tokens[$this->at]);
            $this->at += 1;
        }
    }

    /** Looks at one statement; leaves `at` on its last token. */
    private function statement(\PhpToken $token): void
    {
        if ($token->is(T_NAMESPACE)) {
            $name = $this->nameAfter();
            $this->namespace = $name === '' ? '' : "{$name}\\";
            $this->skipTo(['{', ';']);
        } elseif ($token->is(T_FUNCTION) && $this->nameAfter() !== '') {
            if (strcasecmp($this->nameAfter(), $this->handler) === 0) {
                $this->function = $this->namespace . $this->handler;
            }
            $this->skipOver(['}']);
        } elseif ($token->is([T_CLASS, T_INTERFACE, T_TRAIT, T_ENUM])) {
            $this->skipOver(['}']);
        } elseif ($token->is(T_ATTRIBUTE)) {
            $this->skipOver([']']);
        } elseif ($token->is([T_USE, T_CONST, T_DECLARE])) {
            $this->skipOver([';']);
        } elseif ($token->is(T_RETURN)) {
            $next = $this->tokens[$this->at + 1] ?? null;
            $this->returns = $this->returns || $next?->is([';', T_CLOSE_TAG]) === false;
            $this->skipOver([';']);
        } elseif ($token->is(T_INLINE_HTML)) {
            $this->acts = $this->acts || trim($token->text) !== '';
        } elseif ($token->is(T_HALT_COMPILER)) {
            $this->at = count($this->tokens);
        } elseif (!self::isQuiet($token)) {
            $this->acts = true;
            $this->skipOver([';', '}']);
        }
    }

    /** The name that follows the token at hand; empty when none does. */
    private function nameAfter(): string
    {
        $next = $this->tokens[$this->at + 1] ?? null;
        if ($next?->text === '&') {
            $next = $this->tokens[$this->at + 2] ?? null;
        }
        $isName = $next?->is([T_STRING, T_NAME_QUALIFIED]) ?? false;
        return $isName ? $next->text : '';
    }

    /** @param list<string> $ends */
    private function skipTo(array $ends): void
    {
        while (isset($this->tokens[$this->at]) && !$this->tokens[$this->at]->is($ends)) {
            $this->at += 1;
        }
    }

    /**
     * Skips to the first of `ends` outside of all brackets that opened on the way.
     *
     * @param list<string> $ends
     */
    private function skipOver(array $ends): void
    {
        $depth = 0;
        for (; isset($this->tokens[$this->at]); $this->at += 1) {
            $token = $this->tokens[$this->at];
            if ($token->is(self::OPENING)) {
                $depth += 1;
            } elseif ($token->is(self::CLOSING)) {
                $depth -= 1;
            }
            if ($depth === 0 && ($token->is($ends) || $token->is(T_CLOSE_TAG))) {
                return;
            }
        }
    }

    private static function isQuiet(\PhpToken $token): bool
    {
        return $token->is(['{', '}', ';'])
            || $token->is([T_CLOSE_TAG, T_FINAL, T_ABSTRACT])
            || strcasecmp($token->text, 'readonly') === 0;
    }
}
