<?php

function handler(array $event): array
{
    return ['ok' => true, 'you' => json_decode($event['body'], true)];
}
