-- Deletes records that have vanished, with their uses, activity and index entries.
--
-- KEYS  1 index  2 uses  3… the records, each followed by its activity
-- ARGV  1 number of records, followed by their ids and by the index entries
--
-- Returns the number of records, after "deleted ".

local count = tonumber(ARGV[1])
-- The index entries come last: if this fails before, they lead to the records again.
for i = 1, count do
	redis.call('DEL', KEYS[2 * i + 1], KEYS[2 * i + 2])
	redis.call('HDEL', KEYS[2], ARGV[i + 1])
end
for i = count + 2, #ARGV do
	redis.call('ZREM', KEYS[1], ARGV[i])
end
return 'deleted ' .. count
