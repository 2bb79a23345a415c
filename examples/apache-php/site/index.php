<?php
$below = max(2, min(100000, (int) ($_GET['below'] ?? 10000)));
$composite = [];
$sum = 0;
for ($n = 2; $n < $below; $n++) {
    if (isset($composite[$n])) continue;
    $sum += $n;
    for ($multiple = $n * $n; $multiple < $below; $multiple += $n) $composite[$multiple] = true;
}
?>
<!doctype html>
<html lang="en">
  <meta charset="utf-8">
  <title>niwa: Apache and PHP</title>
  <h1>Apache and PHP</h1>
  <p>The sum of the primes below <?= $below ?> is <?= $sum ?>.</p>
  <p>PHP <?= PHP_VERSION ?> runs as user <?= posix_geteuid() ?> on <?= htmlspecialchars(gethostname()) ?>.</p>
</html>
