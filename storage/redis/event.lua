-- Writes audit events that do not come with a change, in order, and publishes the last
-- one, but only once if they are sent again. It follows append.lua.
--
-- KEYS  1 events  2 receipt  3 index  4 tree
-- ARGV  1 lifetime of the receipt, in milliseconds  2 channel
--       3 and so on: for each event, the event, the number of its lists, and these
--
-- Returns the last event's id.

local done = redis.call('GET', KEYS[2])
if done then
	redis.call('SET', KEYS[2], done, 'PX', ARGV[1]) -- see apply.lua
	return done
end

-- As in apply.lua, try everything that can fail before writing anything.
if redis.acl_check_cmd then
	local needed = {
		{ 'SET', KEYS[2], '' }, { 'ZADD', KEYS[3], '0', '' },
		{ 'XADD', KEYS[1], '*', 'e', '' }, { 'PUBLISH', ARGV[2], '' },
		{ 'HGET', KEYS[4], '' }, { 'HSET', KEYS[4], '', '' },
	}
	for _, command in ipairs(needed) do
		if not redis.acl_check_cmd(unpack(command)) then
			return redis.error_reply('NOPERM the user may not ' .. command[1] .. ' ' .. command[2])
		end
	end
end
redis.call('ZCARD', KEYS[3])
redis.call('XLEN', KEYS[1])
redis.call('HLEN', KEYS[4])
redis.call('SET', KEYS[2], '', 'PX', ARGV[1])

local id
local at = 3
while at <= #ARGV do
	local first = at + 2
	local last = first + tonumber(ARGV[at + 1]) - 1
	id = append(KEYS[1], KEYS[3], KEYS[4], ARGV[at], first, last)
	at = last + 1
end

redis.call('SET', KEYS[2], id, 'PX', ARGV[1])
-- No token has changed, but nodes compare the newest event published with the newest
-- one in the store.
redis.call('PUBLISH', ARGV[2], ' ' .. id)
return id
