<?php

/**
 * What a blank does before it says HELLO: it loads what the first request would load, so that the
 * request does not wait for it.
 */

declare(strict_types=1);

namespace Skerry\Runtime;

/** Nothing of it stays reachable. */
final class WarmUp
{
    public static function run(bool $forPages): void
    {
        if ($forPages) {
            require_once __DIR__ . '/page-server.php';
        }
        new EntryScan('<?php function handler(array $event) { return $event; }', 'handler');
        Json::encodeStrictly(json_decode('{"warm":[1,2.5,"é"]}', true));
        Text::toBytes(Text::fromBytes("\xc3\xa9"));
        gc_mem_caches();
    }
}
