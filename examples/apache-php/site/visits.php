<?php
// Counts the visits of one browser: a session, kept in the container's own /tmp.
session_start();
$_SESSION['visits'] = ($_SESSION['visits'] ?? 0) + 1;
header('Content-Type: application/json');
echo json_encode(['visits' => $_SESSION['visits']]), "\n";
