-- Removes audit events with their index entries, and counts them.
--
-- KEYS  1 events  2 index  3 tree
-- ARGV  1 number of events, followed by their ids and by the index entries
--
-- Returns the number of events that it has removed, after "removed ".

local count, removed = tonumber(ARGV[1]), 0
for i = 2, count + 1 do
	removed = removed + redis.call('XDEL', KEYS[1], ARGV[i])
end
for i = count + 2, #ARGV do
	redis.call('ZREM', KEYS[2], ARGV[i])
end
local before = tonumber(redis.call('HGET', KEYS[3], 'removed') or '0')
redis.call('HSET', KEYS[3], 'removed', string.format('%.0f', before + removed))
return 'removed ' .. removed
