<?php

/**
 * `php://input` is empty on PHP's command line. In a page's process this takes the place of PHP's
 * own `php://` streams: `input` gives the request's body while it comes in, as often as it is
 * opened; all the others are PHP's own.
 */

declare(strict_types=1);

namespace Skerry\Runtime;

/** A stream wrapper; PHP makes one object for each stream. */
final class PageInput
{
    private const READ_BYTES = 64 << 10;

    /** @var resource Where the body comes from. */
    private static $source;
    /** @var resource What of it was read so far; in memory, and in a file when it is much. */
    private static $spool;
    private static int $spooledBytes = 0;

    /** @var resource|null Set by PHP. */
    public $context;
    /** @var resource|null PHP's own stream; null for the body. */
    private $stream = null;
    private int $at = 0;

    /** @param resource $source */
    public static function install($source): void
    {
        self::$source = $source;
        self::$spool = fopen('php://temp', 'r+');
        stream_wrapper_unregister('php');
        stream_wrapper_register('php', self::class);
    }

    /** The whole body; null when it is larger than `bytesMax`. */
    public static function whole(int $bytesMax): ?string
    {
        while (self::$spooledBytes <= $bytesMax && self::pull(self::READ_BYTES)) {
        }
        return self::$spooledBytes > $bytesMax ? null : self::spooled(0, self::$spooledBytes);
    }

    public function stream_open(string $path, string $mode, int $options, ?string &$opened): bool
    {
        if (strcasecmp($path, 'php://input') === 0) {
            return true;
        }
        stream_wrapper_restore('php');
        try {
            $this->stream = fopen($path, $mode) ?: null;
        } finally {
            stream_wrapper_unregister('php');
            stream_wrapper_register('php', self::class);
        }
        return $this->stream !== null;
    }

    public function stream_read(int $count): string|false
    {
        if ($this->stream !== null) {
            return fread($this->stream, $count);
        }
        if ($this->at >= self::$spooledBytes) {
            self::pull($count);
        }
        $bytes = self::spooled($this->at, $count);
        $this->at += strlen($bytes);
        return $bytes;
    }

    public function stream_eof(): bool
    {
        if ($this->stream !== null) {
            return feof($this->stream);
        }
        return $this->at >= self::$spooledBytes && feof(self::$source);
    }

    public function stream_seek(int $offset, int $whence): bool
    {
        if ($this->stream !== null) {
            return fseek($this->stream, $offset, $whence) === 0;
        }
        $wanted = $whence === SEEK_CUR ? $this->at + $offset : $offset;
        $needed = $whence === SEEK_END ? PHP_INT_MAX : $wanted;
        while ($needed > self::$spooledBytes && self::pull(self::READ_BYTES)) {
        }
        $wanted = $whence === SEEK_END ? self::$spooledBytes + $offset : $wanted;
        if ($wanted < 0 || $wanted > self::$spooledBytes) {
            return false;
        }
        $this->at = $wanted;
        return true;
    }

    public function stream_tell(): int|false
    {
        return $this->stream === null ? $this->at : ftell($this->stream);
    }

    public function stream_write(string $bytes): int|false
    {
        return $this->stream === null ? false : fwrite($this->stream, $bytes);
    }

    public function stream_flush(): bool
    {
        return $this->stream === null || fflush($this->stream);
    }

    public function stream_truncate(int $size): bool
    {
        return $this->stream !== null && ftruncate($this->stream, $size);
    }

    /** @return array<array-key, mixed>|false */
    public function stream_stat(): array|false
    {
        return $this->stream === null ? [] : fstat($this->stream);
    }

    /** @return resource|false */
    public function stream_cast(int $as)
    {
        return $this->stream ?? false;
    }

    public function stream_set_option(int $option, int $one, ?int $two): bool
    {
        return $this->stream !== null && $option === STREAM_OPTION_BLOCKING
            && stream_set_blocking($this->stream, $one === 1);
    }

    public function stream_close(): void
    {
        if ($this->stream !== null) {
            fclose($this->stream);
        }
    }

    /** Waits for more of the body. False at its end. */
    private static function pull(int $bytesMax): bool
    {
        $bytes = feof(self::$source) ? '' : fread(self::$source, $bytesMax);
        if ($bytes === '' || $bytes === false) {
            return false;
        }
        fseek(self::$spool, 0, SEEK_END);
        self::$spooledBytes += (int) fwrite(self::$spool, $bytes);
        return true;
    }

    private static function spooled(int $at, int $count): string
    {
        fseek(self::$spool, $at);
        return $count === 0 ? '' : (string) fread(self::$spool, $count);
    }
}
