-- Keeps the number that another change has; leave this file out when both come together.
SELECT 1;
