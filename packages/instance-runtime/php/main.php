<?php

/**
 * The bootstrap of an instance: `php [settings of runtime.json] main.php`, with the link on
 * descriptor 3. It is silent until it is spoken to and ends with its link.
 *
 * The code is loaded from here because PHP gives a required file the variables of the place that
 * requires it: code that says `global $db` means the outermost place, so this file keeps no
 * variables of its own.
 */

declare(strict_types=1);

require __DIR__ . '/instance.php';

Skerry\Runtime\Instance::start($argv);
if (Skerry\Runtime\Instance::current()->awaitCode()) {
    try {
        Skerry\Runtime\Instance::current()->loaded(
            require Skerry\Runtime\Instance::current()->entry(),
        );
    } catch (Throwable $thrown) {
        Skerry\Runtime\Instance::current()->loadFailed($thrown);
        unset($thrown);
    }
}
// Returns only in a process that was forked for one page.
Skerry\Runtime\Instance::current()->serve();
require Skerry\Runtime\Instance::current()->entry();
