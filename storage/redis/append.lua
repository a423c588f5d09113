-- Comes before the other scripts that write events.

-- append numbers an event and appends it to the stream, adds it to lists of the index,
-- which are ARGV[first] to ARGV[last], and returns its id. See storage.EventLists.
--
-- The number of the last event is kept beside the tree, so that a gap shows if somebody
-- deletes events. Older nodes do not number theirs: count them.
local function append(events, index, tree, event, first, last)
	local number = tonumber(redis.call('HGET', tree, 'number') or '0')
	local removed = tonumber(redis.call('HGET', tree, 'removed') or '0')
	number = string.format('%.0f', math.max(number, redis.call('XLEN', events) + removed) + 1)
	redis.call('HSET', tree, 'number', number)
	local id = redis.call('XADD', events, '*', 'e', '{"seq":' .. number .. ',' .. string.sub(event, 2))
	local ms, seq = string.match(id, '(%d+)-(%d+)')
	local key = string.format('%013d-%010d', tonumber(ms), tonumber(seq))
	for i = first, last do
		redis.call('ZADD', index, 0, ARGV[i] .. key)
	end
	return id
end

