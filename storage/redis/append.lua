-- Comes before the other scripts that write events.

-- append appends an event to the stream, adds it to lists of the index, which are
-- ARGV[first] to ARGV[last], and returns its id. See storage.EventLists.
local function append(events, index, event, first, last)
	local id = redis.call('XADD', events, '*', 'e', event)
	local ms, seq = string.match(id, '(%d+)-(%d+)')
	local key = string.format('%013d-%010d', tonumber(ms), tonumber(seq))
	for i = first, last do
		redis.call('ZADD', index, 0, ARGV[i] .. key)
	end
	return id
end

