<?php

declare(strict_types=1);

/** Answers each call of the function's URL, and each `skerry invoke`. */
function handler(array $event, object $context): array
{
    $name = $event['query']['name'] ?? 'world';
    error_log("greeting $name");
    return ['message' => "Hello, $name!", 'requestId' => $context->requestId];
}
