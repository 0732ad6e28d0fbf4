<?php

/**
 * The wire format of a link, as packages/link/src/frames.ts states it: a 12-byte header and a
 * payload, all integers little-endian.
 *
 *   u32 payload bytes · u8 type · u8 flags · u16 channel · u32 stream · payload
 */

declare(strict_types=1);

namespace Skerry\Runtime;

/** What streams send their frames by. */
interface FrameSink
{
    /** Appends one frame. */
    public function send(int $type, int $flags, int $stream, string $payload = ''): void;

    /** A stream that is over; frames that still come for it are skipped. */
    public function forget(Stream $stream): void;
}

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
    /** Who takes streams that the instance opens, as HELLO tells it. */
    public const TAKES_STREAMS = ['gateway', 'builder'];

    /** One whole frame as it stands on the wire. */
    public static function encode(int $type, int $flags, int $stream, string $payload = ''): string
    {
        return pack('VCCvV', strlen($payload), $type, $flags, 0, $stream) . $payload;
    }

    /**
     * Cuts the whole frames off the beginning of what was read.
     *
     * @return list<array{int, int, int, string}> Type, flags, stream and payload of each.
     */
    public static function split(string &$bytes): array
    {
        $frames = [];
        $at = 0;
        while (strlen($bytes) - $at >= self::HEADER_BYTES) {
            $head = unpack('Vbytes/Ctype/Cflags/vchannel/Vstream', $bytes, $at);
            $start = $at + self::HEADER_BYTES;
            if (strlen($bytes) - $start < $head['bytes']) {
                break;
            }
            $at = $start + $head['bytes'];
            $payload = substr($bytes, $start, $head['bytes']);
            $frames[] = [$head['type'], $head['flags'], $head['stream'], $payload];
        }
        $bytes = substr($bytes, $at);
        return $frames;
    }
}
