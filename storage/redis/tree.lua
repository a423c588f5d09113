-- Writes values of the tree that proves the audit trail, if its head is still the one
-- that they are based on.
--
-- KEYS  1 tree
-- ARGV  1 head, or empty if there must be none  2… names and values
--
-- Returns 1, or 0 if the head is another.

if (redis.call('HGET', KEYS[1], 'checkpoint') or '') ~= ARGV[1] then
	return 0
end
for i = 2, #ARGV, 2 do
	redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
end
return 1
