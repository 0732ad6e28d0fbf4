<?php

/**
 * The wire format of a link, as packages/link/src/frames.ts states it: a 12-byte header and a
 * payload, all integers little-endian.
 *
 *   u32 payload bytes · u8 type · u8 flags · u16 channel · u32 stream · payload
 */

declare(strict_types=1);

namespace Skerry\Runtime;

/** Types, flag and bounds of frames. */
final class Frame
{
    public const HELLO = 1;
    public const OPEN = 2;
    public const REPLY = 3;
    public const DATA = 4;
    public const CREDIT = 5;
    public const CANCEL = 6;
    public const PING = 7;
    public const PONG = 8;
    public const NOTE = 9;
    public const PARK = 10;
    public const PARKED = 11;

    /** The sender has no more body for this stream. */
    public const END = 1;

    public const HEADER_BYTES = 12;
    public const VERSION = 1;
    public const BYTES_MAX = 1 << 20;
    public const HEAD_BYTES_MAX = 512 << 10;
    /** Bytes of body under way on one stream before the sender is granted more. */
    public const CREDIT_BYTES = 256 << 10;
    /** Bodies are cut into pieces of at most this size. */
    public const CHUNK_BYTES = 64 << 10;
    public const STREAMS_MAX = 65_536;

    /** One whole frame as it stands on the wire. */
    public static function encode(int $type, int $flags, int $stream, string $payload = ''): string
    {
        return pack('VCCvV', strlen($payload), $type, $flags, 0, $stream) . $payload;
    }
}
