<?php

declare(strict_types=1);

use Skerry\Context;

/** Answers every call of its URL, and every `skerry invoke`, with a greeting. */
function handler(array $event, Context $context): array
{
    $name = $event['query']['name'] ?? 'world';
    $context->log->info('greeting {name}', ['name' => $name]);
    return ['message' => "Hello, {$name}!", 'requestId' => $context->requestId];
}
